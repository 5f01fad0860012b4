// Data-parallel ranks: the devices that share a batch, as threads of one process.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include <torch/types.h>

namespace lcr {

/// A group of `size` ranks. Collectives are called by every rank of the group, in the same order;
/// sums are taken in rank order, so all ranks hold the same bits. Threads instead of processes: C++
/// has no interpreter lock, the data set is in memory once, and a rank that fails takes the others
/// with it instead of leaving them waiting.
class RankGroup {
 public:
  explicit RankGroup(int size) : slots_(static_cast<std::size_t>(size)) {}
  int size() const { return static_cast<int>(slots_.size()); }

  /// Runs body(rank) for every rank at once, each on its own thread; in place when there is one
  /// rank. Rethrows the first exception after all have stopped.
  void run(const std::function<void(int rank)>& body);

  /// Every rank's tensor (same shape), concatenated along dimension 0 in rank order, on the
  /// caller's device.
  torch::Tensor all_gather(int rank, const torch::Tensor& tensor);

  /// Replaces each tensor by its mean over the ranks. Tensors: the same shapes in the same order on
  /// every rank.
  void average(int rank, const std::vector<torch::Tensor>& tensors);

 private:
  void wait();

  std::mutex mutex_;
  std::condition_variable all_arrived_;
  int arrived_ = 0;
  std::int64_t generation_ = 0;
  bool failed_ = false;
  std::vector<torch::Tensor> slots_;  ///< what each rank shows the others
};

}  // namespace lcr
