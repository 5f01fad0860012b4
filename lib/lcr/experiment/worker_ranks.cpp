#include "lcr/experiment/worker_ranks.h"

#include <algorithm>
#include <csignal>

#include <fmt/core.h>

#include "lcr/base/rank_variables.h"

namespace lcr {
namespace {

/// A rank that loses another notices within milliseconds while it sends or receives.
constexpr std::chrono::seconds kGrace{10};

/// A higher number decides how the run ended.
int weight(const Ending& ending) {
  // What another attempt can cure, before the signals by which peers that NCCL lost abort.
  if (ending.signal == SIGKILL || ending.code == kOutOfDeviceMemory) return 5;
  if (ending.signal != 0) return 4;
  if (ending.code == kDone) return 0;
  if (ending.code == kLostRank) return 1;
  if (ending.code == kStopped) return 2;
  return 3;
}

}  // namespace

WorkerRanks::WorkerRanks(const std::vector<std::string>& arguments, int ranks) {
  if (ranks > 1) port_ = std::make_unique<ReservedPort>();
  try {
    for (int rank = 0; rank < ranks; ++rank)
      ranks_.push_back(
          {start_process(arguments, ranks > 1 ? local_rank_variables(rank, ranks, port_->number())
                                              : decltype(local_rank_variables(0, 1, 0)){})});
  } catch (...) {
    each_running([&](WorkerProcess& process) {
      ::kill(process.id, SIGKILL);
      reap(process);
    });
    throw;
  }
}

void WorkerRanks::each_running(const std::function<void(WorkerProcess& process)>& call) {
  for (auto& rank : ranks_)
    if (!rank.ending) call(rank.process);
}

void WorkerRanks::reap(const WorkerProcess& process) {
  const auto rank = std::find_if(ranks_.begin(), ranks_.end(),
                                 [&](const Rank& each) { return each.process.id == process.id; });
  rank->ending = wait_for(process);
  const bool stops = rank->ending->code == kStopped;  // rank 0 may still write a checkpoint
  const bool fails = rank->ending->code != kDone && !stops;
  if (!first_failure_ && (fails || (rank == ranks_.begin() && !stops)))
    first_failure_ = std::chrono::steady_clock::now();
}

void WorkerRanks::end_survivors() {
  if (!first_failure_ || std::chrono::steady_clock::now() - *first_failure_ < kGrace) return;
  for (auto& rank : ranks_) {
    if (rank.ending || rank.ended_by_us) continue;
    ::kill(rank.process.id, SIGKILL);
    rank.ended_by_us = true;
  }
}

const WorkerRanks::Rank& WorkerRanks::decisive() const {
  return *std::max_element(ranks_.begin(), ranks_.end(), [](const Rank& a, const Rank& b) {
    const auto value = [](const Rank& rank) {
      return rank.ended_by_us ? -1 : weight(rank.ending.value());
    };
    return value(a) < value(b);
  });
}

std::optional<Ending> WorkerRanks::ending() const {
  if (std::any_of(ranks_.begin(), ranks_.end(), [](const Rank& rank) { return !rank.ending; }))
    return std::nullopt;
  return decisive().ending;
}

std::string WorkerRanks::who_failed() const {
  return ranks_.size() == 1 ? "" : fmt::format("rank {} was ", &decisive() - ranks_.data());
}

}  // namespace lcr
