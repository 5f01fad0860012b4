// Batch normalisation that can compute its statistics over several groups of a batch ("SplitBN"),
// as if they were on separate devices.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace lcr {

/// PyTorch's default.
inline constexpr double kBatchNormMomentum = 0.1;

/// BatchNorm2d (momentum 0.1 unless set otherwise) with PyTorch's parameter and buffer names. With
/// groups > 1, training normalises each of `groups` consecutive equal parts of the batch by its own
/// statistics, and the running statistics become the mean of the groups' updates, or with
/// running_of_first the first group's (the first of several devices is evaluated). Evaluation is
/// unchanged. Input: N x C x H x W or N x C, with N a multiple of `groups` in training.
class SplitBatchNormImpl : public torch::nn::Module {
 public:
  explicit SplitBatchNormImpl(std::int64_t channels, double eps = 1e-5);
  torch::Tensor forward(const torch::Tensor& x);
  /// Counts a batch of training in num_batches_tracked.
  void count_batch();
  /// num_batches_tracked where it is, as one integer; null if it has another type.
  std::int64_t* batch_counter();
  std::int64_t groups = 1;
  bool running_of_first = false;
  /// The number of groups, from the first, whose updates move the running statistics.
  std::int64_t groups_that_count() const { return running_of_first ? 1 : groups; }
  double momentum = kBatchNormMomentum;  ///< weight of a new batch in the running statistics

  double eps() const { return eps_; }
  torch::Tensor weight, bias, running_mean, running_var;

 private:
  double eps_;
  torch::Tensor num_batches_tracked_;
};
TORCH_MODULE(SplitBatchNorm);

/// Sets `groups` and `running_of_first` of every SplitBatchNorm below `module`.
void set_batch_norm_groups(torch::nn::Module& module, std::int64_t groups,
                           bool running_of_first = false);

/// Sets the momentum of every SplitBatchNorm below `module`.
void set_batch_norm_momentum(torch::nn::Module& module, double momentum);

}  // namespace lcr
