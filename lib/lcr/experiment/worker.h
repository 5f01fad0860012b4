// A worker process: its command line, and what it does.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lcr/experiment/grid.h"

namespace lcr {

/// The worker's command line: this program's `arguments`, with the worker's share of the threads,
/// its run, and the stand-in's identity, which only the parent knows.
std::vector<std::string> worker_arguments(const std::vector<std::string>& arguments,
                                          const Cell& cell, int threads);

/// Executes the run for which this process was started (--worker-run), and its missing evaluations.
/// Throws UserError if the grid does not have the run.
void work(Grid& grid, int threads);

/// Removes the files that killed processes left behind in a finished run: checkpoints for resuming,
/// half-written evaluations.
void clear_leftovers(const std::filesystem::path& run);

}  // namespace lcr
