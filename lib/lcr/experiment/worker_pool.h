// Executes the runs of a grid in parallel, each in its own process: a crash costs one run, and GPU
// contexts stay separate.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lcr {

/// One run for a worker process.
struct WorkerTask {
  std::string label;                   ///< for messages
  std::string run;                     ///< its directory's name
  std::vector<std::string> arguments;  ///< the worker's command line, without the program
  std::int64_t units = 1;              ///< amount of work, for the overall progress
  int stage = 0;                       ///< starts only after all tasks of lower stages have ended
  int ranks = 1;                       ///< processes that share the run (WorkerRanks)
};

/// Starts this program for each task, once or once per rank, at most `jobs` tasks at a time, and
/// shows their overall progress, which the workers report by report_progress(). devices: that many
/// CUDA devices are shared out among the tasks (next_devices()), each of which gets its first one
/// as
/// --device; 0: the arguments name the device. The tasks are
/// started in their order, which must be that of their stages. A worker that the system kills
/// (SIGKILL, which is also how it frees memory), or that finds no memory on its device
/// (kOutOfDeviceMemory), is started again as long as it gets further than the last time, or has
/// shared its device; from then on, fewer run in parallel than at that moment (fewer_workers()). If
/// a worker fails, no more are started, and its exit code is returned once the others have ended;
/// otherwise returns 0, or kStopped after a signal. SIGINT and SIGTERM are passed on to the workers
/// as SIGUSR1 (watch_parent()); a second one kills them. Workers die with their parent. Appends one
/// line per event to the file `log`.
int run_workers(const std::vector<WorkerTask>& tasks, int jobs, int devices,
                const std::string& title, const std::string& unit,
                const std::filesystem::path& log);

/// Called in a worker: reports to the parent, at most four times per second and at the end.
void report_progress(std::int64_t done, std::int64_t total, const std::string& note);

}  // namespace lcr
