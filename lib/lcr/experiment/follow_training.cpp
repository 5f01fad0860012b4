#include "lcr/experiment/follow_training.h"

#include "lcr/base/error.h"
#include "lcr/base/signals.h"
#include "lcr/method/lcr_options.h"
#include "lcr/train/training_options.h"

namespace lcr {

bool switches_projections(const Options& options, std::int64_t epoch) {
  const auto& subset = options.get<SubsetOptions>();
  return has_subset(options) && epoch == subset.subset_epoch &&
         subset.subset_scope == "train_and_test";
}

void follow_training(Trainer& trainer, const Options& options) {
  const StepObserver nobody = [](std::int64_t, double) {};
  const std::int64_t steps = trainer.steps_per_epoch();
  auto [epoch, steps_done] = trainer.synchronise(0, 0);
  EpochLog log{.steps = steps_done};
  for (; epoch < options.get<TrainingOptions>().epochs; ++epoch, log = {}) {
    if (log.steps == 0 && switches_projections(options, epoch)) trainer.select_projections({});
    while (log.steps < steps) {
      log = trainer.run_epoch(epoch, nobody, steps, log, stop_requested);
      // After an epoch's last step the others may not know yet: the next step tells them.
      if (stop_requested() && log.steps < steps) throw Interrupted("stopped by a signal");
    }
  }
}

}  // namespace lcr
