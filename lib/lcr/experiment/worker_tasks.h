// Which runs of a grid go to worker processes, and in which order.
#pragma once

#include <string>
#include <vector>

#include "lcr/experiment/grid.h"
#include "lcr/experiment/worker_pool.h"

namespace lcr {

/// The tasks for all selected runs that are not done, by stage. Says how many there are, removes
/// what killed processes left behind in finished runs, and warns of finished runs that lack a
/// pinned checkpoint. arguments: this program's; jobs: how many tasks share the threads. Throws
/// UserError if a finished stand-in lacks the weights from which other runs start.
std::vector<WorkerTask> make_tasks(Grid& grid, const std::vector<std::string>& arguments,
                                   int threads, int jobs);

}  // namespace lcr
