// The learning rate over a training.
#pragma once

#include <cstdint>

#include "lcr/record/options.h"

namespace lcr {

/// Of step `step` (from 0): lr / 2 * (1 + cos(pi x)), x being the part of the training (or of
/// schedule_epochs) that is over, by whole epochs (schedule = epoch: MoCo, the authors) or by
/// steps. Over the first warmup_epochs it rises linearly instead, step by step, and the cosine
/// begins after them.
double learning_rate(const Options& options, std::int64_t step, std::int64_t steps_per_epoch);

}  // namespace lcr
