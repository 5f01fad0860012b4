// Runs of a grid side by side, each in a process of its own: a crash costs one run, and GPU
// contexts stay apart.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lcr {

struct WorkerTask {
  std::string label;                   ///< for the display
  std::vector<std::string> arguments;  ///< of this same program
  std::int64_t units = 1;              ///< of work, for the overall progress
  int stage = 0;                       ///< starts only when all tasks of lower stages have ended
};

/// Starts this program once a task, in their order, which must be that of their stages, at most
/// `jobs` at a time, and shows their overall progress. A worker reports by report_progress(). One
/// that the system kills (SIGKILL, which is also how it makes room in memory) is started again,
/// from then on with fewer side by side than there were, as long as it gets further than when it
/// was last killed. When one fails, no further ones are started and its exit code is returned once
/// the others have ended; otherwise 0. A SIGINT or SIGTERM is passed on to the workers as SIGUSR1
/// (watch_parent()). What ended when and how is appended to the file `log`, a line each.
int run_workers(const std::vector<WorkerTask>& tasks, int jobs, const std::string& title,
                const std::string& unit, const std::filesystem::path& log);

/// Called in a worker: tells the parent, at most four times a second (and at the end).
void report_progress(std::int64_t done, std::int64_t total, const std::string& note);

}  // namespace lcr
