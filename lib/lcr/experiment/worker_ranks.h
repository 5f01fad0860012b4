// The processes of one run: one per rank, started together and ended together.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lcr/base/sockets.h"
#include "lcr/experiment/worker_process.h"

namespace lcr {

/// One worker process, or as many as a run has ranks, which find each other by their environment
/// (local_rank_variables()) through a port of the loopback address that is theirs alone.
class WorkerRanks {
 public:
  /// Starts them. Throws as start_process() does, with those that had started killed.
  WorkerRanks(const std::vector<std::string>& arguments, int ranks);
  WorkerRanks(WorkerRanks&&) = default;

  /// Calls `call` for every process that has not ended.
  void each_running(const std::function<void(WorkerProcess& process)>& call);

  /// Waits for a process that has closed its pipe, and notes how it ended.
  void reap(const WorkerProcess& process);

  /// Kills the processes that still run some seconds after another failed or rank 0 ended: they
  /// cannot go on, and one that is stopped or hangs would never notice.
  void end_survivors();

  /// How the run ended, once all its processes have: as the rank that failed by itself; only if
  /// none did, as one that lost another.
  std::optional<Ending> ending() const;
  /// "rank 1 was " if ending() is that of one rank among several, for a message; else "".
  std::string who_failed() const;

 private:
  struct Rank {
    WorkerProcess process;
    std::optional<Ending> ending = {};
    bool ended_by_us = false;
  };
  /// The rank whose ending is the run's.
  const Rank& decisive() const;

  std::unique_ptr<ReservedPort> port_;
  std::vector<Rank> ranks_;
  std::optional<std::chrono::steady_clock::time_point> first_failure_;
};

}  // namespace lcr
