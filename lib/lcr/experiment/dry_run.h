// What --dry-run prints: the runs that a program would train or evaluate, and how long that takes.
#pragma once

#include <vector>

#include <torch/types.h>

#include "lcr/experiment/plan.h"
#include "lcr/record/run_store.h"

namespace lcr {

/// Whether the store has the run and all evaluations that the cell asks for.
bool is_done(const Cell& cell, const RunStore& store);

/// Prints the data, the state of every run, the time that each row's unfinished runs take, and the
/// options of each row. Times come from the speed of runs in the store with the same method,
/// backbone and image size, finished or with at least one epoch done.
void print_dry_run(const std::vector<Cell>& cells, const RunStore& store,
                   const torch::Device& device);

}  // namespace lcr
