#include "lcr/experiment/try_training.h"

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/signals.h"
#include "lcr/base/text.h"
#include "lcr/data/batch_options.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/device.h"
#include "lcr/train/training_options.h"

namespace lcr {

void try_training(Trainer& trainer, const Options& options, const std::string& name,
                  const RunObserver& observer) {
  std::int64_t done = 0;
  for (std::int64_t epoch = 0; epoch < options.get<TrainingOptions>().epochs &&
                               done < options.get<ExecutionOptions>().max_steps;
       ++epoch) {
    const StepObserver observe = [&](std::int64_t steps, double loss) {
      observer(steps, options.get<ExecutionOptions>().max_steps,
               fmt::format("epoch {}/{} loss {:.3f}", epoch + 1,
                           options.get<TrainingOptions>().epochs, loss));
    };
    const EpochLog log = trainer.run_epoch(
        epoch, observe, options.get<ExecutionOptions>().max_steps - done, {}, stop_requested);
    done += log.steps;
    std::string terms;
    for (const auto& term : log.terms)
      terms += fmt::format("{} {:.4f}, ", term.name, log.mean(term.sum));
    if (trainer.ranks().rank() == 0)
      say("{}: {} steps in {}: loss {:.4f}, {}{:.2f} samples/s, peak memory {:.0f} MiB\n", name,
          log.steps, format_duration(log.seconds), log.loss(), terms,
          static_cast<double>(log.steps * options.get<BatchOptions>().batch_size) / log.seconds,
          peak_memory_mib());
    if (stop_requested()) throw Interrupted("stopped by a signal");
  }
}

}  // namespace lcr
