// What an experiment's program prints of its results.
#pragma once

#include <vector>

#include "lcr/experiment/plan.h"
#include "lcr/record/run_store.h"

namespace lcr {

/// Prints the experiment's title and data, and for each row and data set the retrieval scores and
/// the speed, means over the seeds.
void print_summary(const Experiment& experiment, const std::vector<Cell>& cells,
                   const RunStore& store);

}  // namespace lcr
