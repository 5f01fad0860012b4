// The linear probe: a linear classifier on frozen features (the paper's second protocol).
#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace lcr {

/// Defaults: the authors' protocol (main_lincls.py).
struct ProbeOptions {
  std::int64_t epochs = 100, batch_size = 256;
  double lr = 30, momentum = 0.9, weight_decay = 0;
  /// Epochs after which the learning rate is divided by 10.
  std::vector<std::int64_t> milestones = {60, 80};
};

/// In percent of the test images. `best` is the epoch with the highest top-1 on the test images, as
/// the authors report.
struct ProbeScores {
  double last_top1 = 0, last_top5 = 0, best_top1 = 0, best_top5 = 0;
  std::int64_t best_epoch = 0;  ///< from 1
};

/// One classifier, trained epoch by epoch so that several can share the features of an epoch
/// (augmented views are drawn again in each). Initial weights are normal with standard deviation
/// 0.01, biases 0; softmax cross-entropy, SGD. Everything random comes from the seed.
class LinearProbe {
 public:
  /// like: a tensor with the features' type and device.
  LinearProbe(std::int64_t features, std::int64_t classes, const ProbeOptions& options,
              std::uint64_t seed, const torch::Tensor& like);
  /// Trains the next epoch on M x D features with labels below `classes`, int64. Throws UserError
  /// if features or weights are not finite, Interrupted if a signal asks to stop.
  void train_epoch(const torch::Tensor& features, const torch::Tensor& labels);
  /// Tests the current weights on M x D features and updates scores().
  void test(const torch::Tensor& features, const torch::Tensor& labels);
  const ProbeScores& scores() const { return scores_; }

 private:
  ProbeOptions options_;
  std::uint64_t seed_;
  std::int64_t classes_, epoch_ = 0;  ///< epochs trained
  torch::Tensor weight_, bias_, weight_velocity_, bias_velocity_;
  ProbeScores scores_;
};

/// Runs the probe on features that are the same in every epoch, tested after each.
ProbeScores linear_probe(const torch::Tensor& train, const torch::Tensor& train_labels,
                         const torch::Tensor& test, const torch::Tensor& test_labels,
                         std::int64_t classes, const ProbeOptions& options, std::uint64_t seed);

/// Draws a share of the labels, in (0, 1], by the seed: from every class the nearest whole number
/// of images, at least one. Returns ascending indices. Throws UserError on another share.
std::vector<std::int64_t> stratified_share(const std::vector<std::int64_t>& labels, double share,
                                           std::uint64_t seed);

}  // namespace lcr
