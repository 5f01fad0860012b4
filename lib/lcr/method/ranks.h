// Data-parallel ranks: the devices that share a batch, each a thread of one process.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include <torch/types.h>

namespace lcr {

/// A group of `size` ranks. Every rank must call the same collectives in the same order. Sums are
/// taken in rank order, so results are bit-identical on all ranks. Threads instead of processes:
/// C++ has no interpreter lock, the data set is in memory once, and a failing rank stops the others
/// instead of leaving them waiting.
class RankGroup {
 public:
  explicit RankGroup(int size) : slots_(static_cast<std::size_t>(size)) {}
  int size() const { return static_cast<int>(slots_.size()); }

  /// Runs body(rank) for all ranks at once, each on its own thread; a single rank runs on the
  /// calling thread. Rethrows the first exception after all ranks have stopped.
  void run(const std::function<void(int rank)>& body);

  /// All ranks' tensors (same shape) on the caller's device, concatenated along dim 0 by rank.
  torch::Tensor all_gather(int rank, const torch::Tensor& tensor);

  /// Replaces each tensor by its mean over the ranks, which must pass equal shapes in equal order.
  void average(int rank, const std::vector<torch::Tensor>& tensors);

 private:
  /// Barrier. Throws if another rank has failed.
  void wait();

  std::mutex mutex_;
  std::condition_variable all_arrived_;
  int arrived_ = 0;
  std::int64_t generation_ = 0;
  bool failed_ = false;
  std::vector<torch::Tensor> slots_;  ///< each rank's tensor for the others to read
};

}  // namespace lcr
