// All options of the suite, and their constraints.
#pragma once

#include "lcr/config/options.h"

namespace lcr {

/// Checks constraints between options, for example that the queue size is a multiple of the batch
/// size. Throws UserError.
void check_consistency(const Options& options);

}  // namespace lcr
