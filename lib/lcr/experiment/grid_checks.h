// Checks of a grid's runs before the first of them is trained.
#pragma once

#include <vector>

#include "lcr/experiment/plan.h"

namespace lcr {

/// Reads each file of initial weights once and reports which tensors were loaded. Throws UserError
/// if one cannot be read or does not fit its backbone.
void check_initial_weights(const std::vector<Cell>& cells);

/// Warns, once per data set and size, of queues that are larger than the training set.
void warn_about_queues(const std::vector<Cell>& cells);

}  // namespace lcr
