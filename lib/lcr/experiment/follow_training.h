// What the ranks beside rank 0 do while rank 0 trains and records a run.
#pragma once

#include "lcr/config/options.h"
#include "lcr/train/trainer.h"

namespace lcr {

/// Whether, before the first step of epoch `epoch` (from 0), rank 0 tells all ranks which
/// projections to train with from then on.
bool switches_projections(const Options& options, std::int64_t epoch);

/// Takes the steps that train_with_records() takes on rank 0, and writes nothing. Throws
/// Interrupted after a signal, Diverged as rank 0 does.
void follow_training(Trainer& trainer, const Options& options);

}  // namespace lcr
