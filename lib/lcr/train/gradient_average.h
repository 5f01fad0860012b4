// Averages gradients over the ranks while the backward pass still computes others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <torch/types.h>

#include "lcr/method/process_group.h"

namespace torch::autograd {
struct Node;
}

namespace lcr {

/// The size in bytes of the messages in which gradients are summed; the last can be smaller, and
/// one that holds a larger parameter is larger. A constant because it decides in which order three
/// or more ranks add: a change alters the numerics (numerics_revision()).
inline constexpr std::size_t kBucketBytes = std::size_t{4} << 20;

/// The parameters in buckets, from the last to the first: the order in which, roughly, a backward
/// pass completes their gradients. Whenever all of a bucket's are there, its sum is started, always
/// in the buckets' order, which all ranks share. Does nothing in a group of one.
class GradientAverage {
 public:
  /// For the parameters as they are now: move and convert them before.
  GradientAverage(ProcessGroup ranks, std::vector<torch::Tensor> parameters,
                  std::size_t bucket_bytes = kBucketBytes);
  ~GradientAverage();
  GradientAverage(const GradientAverage&) = delete;
  GradientAverage& operator=(const GradientAverage&) = delete;

  /// After a backward pass that started without gradients: waits for the sums and replaces each
  /// gradient by its mean over the ranks. A parameter without a gradient counts as zero for the
  /// other ranks and keeps none. Throws LostRank.
  void finish();

  std::size_t bucket_count() const { return buckets_.size(); }
  /// How many sums were started before finish(), by all backward passes so far.
  std::size_t started_in_backward() const { return started_in_backward_; }

 private:
  struct Bucket {
    std::vector<std::size_t> members;  ///< indices of parameters
    std::size_t missing = 0;           ///< of their gradients
    torch::Tensor flat;                ///< the message
    ProcessGroup::Pending sum;
  };

  /// Parameter i's gradient is there. The autograd engine calls it from one thread per device.
  void ready(std::size_t i);
  void start_next();

  ProcessGroup ranks_;
  std::vector<torch::Tensor> parameters_;
  std::vector<Bucket> buckets_;
  std::vector<std::size_t> owner_;  ///< each parameter's bucket
  std::size_t next_ = 0;            ///< the first bucket whose sum is not started
  std::size_t started_in_backward_ = 0;
  /// The nodes that write the gradients, which live as long as somebody holds them; and our hooks.
  std::vector<std::pair<std::shared_ptr<torch::autograd::Node>, std::uintptr_t>> hooks_;
};

}  // namespace lcr
