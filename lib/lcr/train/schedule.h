// The learning-rate schedule.
#pragma once

#include <cstdint>

#include "lcr/config/options.h"

namespace lcr {

/// The learning rate of step `step` (from 0): lr / 2 * (1 + cos(pi x)), where x is the part of the
/// training (or of schedule_epochs) that is done, counted in whole epochs (schedule = epoch: MoCo,
/// the authors) or in steps. During the first warmup_epochs it rises linearly instead, step by
/// step, and the cosine begins after them.
double learning_rate(const Options& options, std::int64_t step, std::int64_t steps_per_epoch);

}  // namespace lcr
