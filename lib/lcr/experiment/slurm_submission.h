// Gives the runs that a grid lacks to Slurm.
#pragma once

#include <string>
#include <vector>

#include "lcr/config/command_line.h"
#include "lcr/experiment/worker_pool.h"

namespace lcr {

/// Checks, before any data is read, that runs can be given to Slurm: its sbatch, the run store's
/// file system, --threads and --slurm-options. Throws UserError.
void check_submission(const CommandLine& command);

/// Puts the tasks that Slurm does not have yet into its queue, as one job array per stage and
/// number of ranks, each after those of the lower stages, and a last job that runs this program
/// with `arguments` again, for the results. Writes tables of the tasks, the script that runs one,
/// and its logs below submissions_folder(), and prints what was submitted. Throws UserError if
/// Slurm refuses a job; none is queued then.
void submit_to_slurm(const std::vector<WorkerTask>& tasks, const CommandLine& command,
                     const std::vector<std::string>& arguments);

}  // namespace lcr
