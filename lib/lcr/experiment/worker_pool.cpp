#include "lcr/experiment/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <fstream>
#include <list>
#include <optional>

#include <fmt/core.h>
#include <poll.h>

#include "lcr/base/error.h"
#include "lcr/base/progress.h"
#include "lcr/base/signals.h"
#include "lcr/base/text.h"
#include "lcr/experiment/worker_devices.h"
#include "lcr/experiment/worker_ranks.h"

namespace lcr {
namespace {

using Clock = std::chrono::steady_clock;

struct Worker {
  const WorkerTask* task;
  DeviceRange devices;  ///< if devices are shared out
  WorkerRanks ranks;
  /// The fraction at which the last attempt at this task was killed or found no memory; -1 if none.
  double failed_at;
  std::string note = {};
  double fraction = 0;
  /// The fraction of the first report: what an earlier process did, if the run resumes.
  std::optional<double> resumed_at = {};
  Clock::time_point start = Clock::now();
};

/// A task that waits to be started.
struct Waiting {
  const WorkerTask* task;
  double failed_at = -1;  ///< as in Worker
};

/// Notes a line that a worker wrote, if it is a report.
void note_report(Worker& worker, std::string_view line) {
  const auto parts = split(line, '\t');
  if (parts.size() != 4 || parts[0] != "progress") return;
  const auto done = parse_integer(parts[1]);
  const auto total = parse_integer(parts[2]);
  if (done && total && *total > 0) {
    worker.fraction = static_cast<double>(*done) / static_cast<double>(*total);
    if (!worker.resumed_at) worker.resumed_at = worker.fraction;
  }
  worker.note = parts[3];
}

/// Describes the end of a worker that was killed by a signal, for a message.
std::string describe_kill(const Worker& worker, int signal) {
  std::string hint;
  if (signal == SIGKILL && worker.fraction > worker.failed_at)
    hint = ", perhaps because memory ran out";
  else if (signal == SIGKILL)
    hint =
        " again without further progress; if memory ran out, lower batch-size or queue-size, or "
        "use a larger machine";
  return fmt::format(" ({}killed by signal {}{})", worker.ranks.who_failed(), signal, hint);
}

/// What run_workers() does, with the state of its loop.
class WorkerPool {
 public:
  WorkerPool(const std::vector<WorkerTask>& tasks, int jobs, int devices, const std::string& title,
             const std::string& unit, const std::filesystem::path& log)
      : task_count_(tasks.size()),
        jobs_(jobs),
        devices_(devices),
        title_(title),
        progress_(title, total_units(tasks), unit) {
    if (!tasks.empty()) log_.open(log, std::ios::app);
    for (const auto& task : tasks) waiting_.push_back({&task});
  }

  int run() {
    while (!waiting_.empty() || !workers_.empty()) {
      start_some();
      if (workers_.empty()) break;
      pass_on_stop();
      read_all();
      show_progress();
    }
    if (result_ != kDone || waiting_.empty()) return result_;
    tell("stopped by a signal; finished runs are kept; run the same command again for the others");
    return kStopped;
  }

 private:
  static std::int64_t total_units(const std::vector<WorkerTask>& tasks) {
    std::int64_t total = 0;
    for (const auto& task : tasks) total += task.units;
    return total;
  }

  void tell(const std::string& text) {
    progress_.line(text);
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    // Flushed at once, because the log is needed when something goes wrong.
    log_ << stamp << " " << title_ << " " << text << std::endl;
  }

  void start_some() {
    const auto may_start = [&] {
      return std::all_of(workers_.begin(), workers_.end(), [&](const Worker& worker) {
        return worker.task->stage == waiting_.front().task->stage;
      });
    };
    while (result_ == kDone && !stop_requested() && !waiting_.empty() &&
           workers_.size() < static_cast<std::size_t>(jobs_) && may_start())
      try {
        start(waiting_.front());
        waiting_.pop_front();
      } catch (const std::exception& e) {
        tell(e.what());
        result_ = kInternalError;
      }
  }

  void start(const Waiting& waiting) {
    std::vector<std::string> arguments = waiting.task->arguments;
    DeviceRange devices;
    if (devices_ > 0) {
      std::vector<DeviceRange> running;
      for (const auto& worker : workers_) running.push_back(worker.devices);
      devices = next_devices(running, waiting.task->ranks, devices_);
      arguments.insert(arguments.end(), {"--device", fmt::format("cuda:{}", devices.first)});
    }
    workers_.push_back(
        {waiting.task, devices, WorkerRanks(arguments, waiting.task->ranks), waiting.failed_at});
  }

  /// Asks the workers to stop, once, after a signal.
  void pass_on_stop() {
    if (!stop_requested() || told_) return;
    for (auto& worker : workers_)
      worker.ranks.each_running([](WorkerProcess& process) { ::kill(process.id, SIGUSR1); });
    told_ = true;
  }

  /// Waits up to half a second for reports and reads them; removes workers that have ended.
  void read_all() {
    std::vector<pollfd> polls;
    for (auto& worker : workers_)
      worker.ranks.each_running([&](WorkerProcess& process) {
        polls.push_back({process.pipe, POLLIN, 0});
      });
    ::poll(polls.data(), polls.size(), 500);
    auto state = polls.begin();
    for (auto worker = workers_.begin(); worker != workers_.end();) {
      worker->ranks.each_running([&](WorkerProcess& process) {
        const bool speaks = (state++)->revents != 0;
        const auto note = [&](std::string_view line) { note_report(*worker, line); };
        if (speaks && !read_lines(process, note)) worker->ranks.reap(process);
      });
      worker->ranks.end_survivors();
      const auto ending = worker->ranks.ending();
      if (!ending) {
        ++worker;
        continue;
      }
      if (!start_again(*worker, *ending)) finish(*worker, *ending);
      worker = workers_.erase(worker);
    }
  }

  /// How many runs like this one have devices of their own.
  int groups(const WorkerTask& task) const { return std::max(1, devices_ / task.ranks); }

  /// Makes the task of a worker that the system killed, or that found no memory on its device, wait
  /// again, if it got further than before or had to share the device.
  bool start_again(const Worker& worker, const Ending& ending) {
    const bool on_device = ending.code == kOutOfDeviceMemory;
    if ((ending.signal != SIGKILL && !on_device) || result_ != kDone || stop_requested())
      return false;
    const int running = static_cast<int>(workers_.size());
    const bool shares = on_device && running > groups(*worker.task);
    if (worker.fraction <= worker.failed_at && !shares) return false;
    jobs_ = std::min(jobs_, fewer_workers(running, on_device ? groups(*worker.task) : 1));
    tell(fmt::format(
        "{} {}: it is started again and resumes from its last checkpoint, if it has one; from now "
        "on at most {} run at a time",
        worker.task->label,
        on_device ? "ran out of memory on the GPU"
                  : "was killed (signal 9), perhaps because memory ran out",
        jobs_));
    waiting_.push_front({worker.task, worker.fraction});
    return true;
  }

  /// Counts a worker that has ended, and says how.
  void finish(const Worker& worker, Ending ending) {
    ++finished_;
    finished_units_ += worker.task->units;
    done_before_ += worker.resumed_at.value_or(0) * static_cast<double>(worker.task->units);
    if (ending.code == kDone) {
      const std::chrono::duration<double> seconds = Clock::now() - worker.start;
      return tell(fmt::format("[{}/{}] {} done in {}{}", finished_, task_count_, worker.task->label,
                              format_duration(seconds.count()),
                              worker.note.empty() ? "" : "; " + worker.note));
    }
    const std::string reason = ending.signal != 0 ? describe_kill(worker, ending.signal) : "";
    // After a request to stop, a kill means that the wait was cut short: the run can be resumed
    // from its last checkpoint, like the others.
    if (ending.signal == SIGKILL && stop_requested()) ending.code = kStopped;
    tell(fmt::format("[{}/{}] {} {}{}", finished_, task_count_, worker.task->label,
                     ending.code == kStopped ? "stopped" : "failed", reason));
    if (result_ == kDone) result_ = ending.code;
  }

  void show_progress() {
    double done = static_cast<double>(finished_units_), before = done_before_;
    std::vector<std::string> notes;
    for (const auto& worker : workers_) {
      const auto units = static_cast<double>(worker.task->units);
      done += worker.fraction * units;
      before += worker.resumed_at.value_or(0) * units;
      notes.push_back(worker.task->label + (worker.note.empty() ? "" : " " + worker.note));
    }
    progress_.done_before(static_cast<std::int64_t>(before));
    progress_.update(static_cast<std::int64_t>(done), join(notes, " | "));
  }

  const std::size_t task_count_;
  int jobs_;
  const int devices_;
  const std::string title_;
  Progress progress_;
  std::ofstream log_;
  std::list<Worker> workers_;
  std::deque<Waiting> waiting_;
  std::size_t finished_ = 0;
  std::int64_t finished_units_ = 0;
  double done_before_ = 0;  ///< units of finished workers that earlier processes had done
  int result_ = kDone;
  bool told_ = false;
};

}  // namespace

int run_workers(const std::vector<WorkerTask>& tasks, int jobs, int devices,
                const std::string& title, const std::string& unit,
                const std::filesystem::path& log) {
  // For the workers: waiting threads must leave their core to others, but sleeping between two
  // loops of a step takes longer than waiting for the next (GNU's OpenMP; others ignore the
  // number).
  if (!std::getenv("OMP_WAIT_POLICY")) {
    ::setenv("OMP_WAIT_POLICY", "passive", 1);
    ::setenv("GOMP_SPINCOUNT", "20000", 0);
  }
  return WorkerPool(tasks, jobs, devices, title, unit, log).run();
}

void report_progress(std::int64_t done, std::int64_t total, const std::string& note) {
  static Clock::time_point shown{};
  const auto now = Clock::now();
  if (now - shown < std::chrono::milliseconds(250) && done < total) return;
  shown = now;
  // A write error is ignored: if the parent is gone, the worker is already stopping.
  std::fputs(fmt::format("progress\t{}\t{}\t{}\n", done, total, note).c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace lcr
