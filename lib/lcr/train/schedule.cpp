#include "lcr/train/schedule.h"

#include <cmath>
#include <numbers>

namespace lcr {

double learning_rate(const Options& options, std::int64_t step, std::int64_t steps_per_epoch) {
  const std::int64_t warmup = options.warmup_epochs * steps_per_epoch;
  if (step < warmup)
    return options.lr * static_cast<double>(step + 1) / static_cast<double>(warmup);
  // Counted in epochs or in steps, as the schedule says.
  const std::int64_t unit = options.schedule == "epoch" ? steps_per_epoch : 1;
  const std::int64_t epochs =
      options.schedule_epochs > 0 ? options.schedule_epochs : options.epochs;
  const auto done = static_cast<double>(step / unit - warmup / unit);
  const auto all = static_cast<double>(epochs * steps_per_epoch / unit - warmup / unit);
  return options.lr / 2 * (1 + std::cos(std::numbers::pi * done / all));
}

}  // namespace lcr
