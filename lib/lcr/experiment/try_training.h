// Training a few steps to see losses and speed.
#pragma once

#include <string>

#include "lcr/experiment/run.h"
#include "lcr/train/trainer.h"

namespace lcr {

/// Trains up to --max-steps and prints losses and speed; records nothing. name: the run's, for
/// messages. Throws Interrupted after a signal.
void try_training(Trainer& trainer, const Options& options, const std::string& name,
                  const RunObserver& observer);

}  // namespace lcr
