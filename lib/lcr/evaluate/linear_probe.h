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
  std::vector<std::int64_t> milestones = {
      60, 80};  ///< epochs after which the learning rate is divided by 10
};

/// In percent of the test images; `best` selects the epoch of the highest top-1 on the test images,
/// as the authors report.
struct ProbeScores {
  double last_top1 = 0, last_top5 = 0, best_top1 = 0, best_top5 = 0;
  std::int64_t best_epoch = 0;  ///< from 1
};

/// One classifier under training, epoch by epoch, so that several can share the features of an
/// epoch (augmented views are drawn anew in each). Weights from N(0, 0.01), biases 0, softmax
/// cross-entropy, SGD. Everything random comes from the seed.
class LinearProbe {
 public:
  /// like: a tensor of the features' type and device.
  LinearProbe(std::int64_t features, std::int64_t classes, const ProbeOptions& options,
              std::uint64_t seed, const torch::Tensor& like);
  /// The next epoch on M x D features with labels below `classes`, int64. Throws UserError on
  /// features that are not finite, and when the weights no longer are.
  void train_epoch(const torch::Tensor& features, const torch::Tensor& labels);
  /// Tests after an epoch.
  void test(const torch::Tensor& features, const torch::Tensor& labels);
  const ProbeScores& scores() const { return scores_; }

 private:
  ProbeOptions options_;
  std::uint64_t seed_;
  std::int64_t classes_, epoch_ = 0;  ///< epochs trained
  torch::Tensor weight_, bias_, weight_velocity_, bias_velocity_;
  ProbeScores scores_;
};

/// The probe on features that stay the same in every epoch, tested after each.
ProbeScores linear_probe(const torch::Tensor& train, const torch::Tensor& train_labels,
                         const torch::Tensor& test, const torch::Tensor& test_labels,
                         std::int64_t classes, const ProbeOptions& options, std::uint64_t seed);

/// A share of the labels, in (0, 1]: of every class the nearest whole number of images, at least
/// one, drawn by the seed. Ascending indices.
std::vector<std::int64_t> stratified_share(const std::vector<std::int64_t>& labels, double share,
                                           std::uint64_t seed);

}  // namespace lcr
