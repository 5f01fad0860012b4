// The runs that a grid lacks, as commands for other schedulers than the program itself.
#pragma once

#include <string>
#include <vector>

#include "lcr/experiment/worker_pool.h"

namespace lcr {

/// This program with these arguments, as a command line for a shell.
std::string shell_command(const std::vector<std::string>& arguments);

/// Prints the commands of the tasks that can start now, those of the lowest stage, one per line on
/// standard output; says on standard error how many wait for them.
void print_commands(const std::vector<WorkerTask>& tasks);

}  // namespace lcr
