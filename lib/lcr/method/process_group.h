// The processes that share a batch, one per rank, and their collectives, which are c10d's.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <torch/types.h>

#include "lcr/base/rank_variables.h"

namespace lcr {

/// This process's membership in a group of ranks. All ranks must call the same collectives in the
/// same order, with equal shapes. After each, all hold the same bits; two ranks' sums are a + b,
/// and from three ranks on the order of a sum depends on an element's place in the message. A group
/// of one opens no socket and copies nothing. Copies of an object are the same membership.
/// Collectives throw LostRank if another rank ends, or does not answer within the time-out.
class ProcessGroup {
 public:
  /// A group of one.
  ProcessGroup() = default;
  /// Connects with the other ranks: by Gloo, or by NCCL if `device` is a CUDA device, which no
  /// other rank may use. timeout: for this and for each collective. Throws LostRank if not all
  /// ranks arrive in time; UserError as require_backend() does, if MASTER_PORT is taken, or if
  /// MASTER_ADDR cannot be resolved.
  ProcessGroup(const RankVariables& place, const torch::Device& device,
               std::chrono::milliseconds timeout);

  /// Throws UserError if this build cannot connect `ranks` ranks on such devices.
  static void require_backend(int ranks, const torch::Device& device);

  int rank() const { return rank_; }
  int size() const { return size_; }

  /// All ranks' tensors, concatenated along dim 0 by rank.
  torch::Tensor all_gather(const torch::Tensor& tensor) const;

  /// Replaces the tensor by rank 0's.
  void broadcast(torch::Tensor tensor) const;
  /// Rank 0's numbers; the others' only give their count.
  std::vector<std::int64_t> broadcast(const std::vector<std::int64_t>& numbers) const;

  /// A sum that is under way.
  class Pending {
   public:
    /// Waits until the tensor holds the sum. On CUDA only the current stream waits.
    void wait();

   private:
    friend class ProcessGroup;
    struct Work;
    std::shared_ptr<Work> work_;
  };
  /// Starts to replace the contiguous tensor by its sum over the ranks. The tensor must not be
  /// touched until wait() returns.
  Pending start_sum(const torch::Tensor& tensor) const;

  /// Whether a membership of this process has lost a rank: threads that wait for it may still run,
  /// so the process must end without cleaning up (_exit).
  static bool lost_a_rank();

 private:
  struct Connection;

  int rank_ = 0, size_ = 1;
  std::shared_ptr<Connection> connection_;
};

}  // namespace lcr
