#include "lcr/train/schedule.h"

#include <cmath>
#include <numbers>

#include "lcr/train/training_options.h"

namespace lcr {

double learning_rate(const Options& options, std::int64_t step, std::int64_t steps_per_epoch) {
  const std::int64_t warmup = options.get<TrainingOptions>().warmup_epochs * steps_per_epoch;
  if (step < warmup)
    return options.get<TrainingOptions>().lr * static_cast<double>(step + 1) /
           static_cast<double>(warmup);
  // Counted in epochs or in steps, as the schedule says.
  const std::int64_t unit =
      options.get<TrainingOptions>().schedule == "epoch" ? steps_per_epoch : 1;
  const std::int64_t epochs = options.get<TrainingOptions>().schedule_epochs > 0
                                  ? options.get<TrainingOptions>().schedule_epochs
                                  : options.get<TrainingOptions>().epochs;
  const auto done = static_cast<double>(step / unit - warmup / unit);
  const auto all = static_cast<double>(epochs * steps_per_epoch / unit - warmup / unit);
  return options.get<TrainingOptions>().lr / 2 * (1 + std::cos(std::numbers::pi * done / all));
}

}  // namespace lcr
