// The linear probe: a linear classifier on frozen features (the paper's second protocol).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace lcr {

/// Defaults: the authors' protocol (main_lincls.py).
struct ProbeOptions {
  std::int64_t epochs = 100, batch_size = 256;
  double lr = 30, momentum = 0.9, weight_decay = 0;
  std::vector<std::int64_t> milestones = {60, 80};  ///< epochs after which the learning rate is divided by 10
};

/// In percent of the test images; `best` selects the epoch of the highest top-1 on the test images, as the authors report.
struct ProbeScores {
  double last_top1 = 0, last_top5 = 0, best_top1 = 0, best_top5 = 0;
  std::int64_t best_epoch = 0;  ///< from 1
};

/// The training features of one epoch (from 0), M x D: the same every time for a probe on cached features, those of freshly augmented views
/// for the authors' protocol.
using ProbeFeatures = std::function<torch::Tensor(std::int64_t epoch)>;

/// Trains the classifier (weights from N(0, 0.01), biases 0, softmax cross-entropy, SGD) and tests it after every epoch. labels: int64,
/// below `classes`; all on one device. Everything random comes from the seed. Throws UserError on features that are not finite, and
/// when the classifier's weights no longer are.
ProbeScores linear_probe(const ProbeFeatures& train, const torch::Tensor& train_labels, const torch::Tensor& test, const torch::Tensor& test_labels, std::int64_t classes,
                         const ProbeOptions& options, std::uint64_t seed);

/// A share of the labels, in (0, 1]: of every class the nearest whole number of images, at least one, drawn by the seed. Ascending indices.
std::vector<std::int64_t> stratified_share(const std::vector<std::int64_t>& labels, double share, std::uint64_t seed);

}  // namespace lcr
