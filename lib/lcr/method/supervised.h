// Supervised classification. Not a method of the paper, but the source of its initial weights: the
// suite pre-trains its stand-in for ImageNet's weights this way.
#pragma once

#include <torch/nn/modules/linear.h>

#include "lcr/method/method.h"

namespace lcr {

/// Softmax cross-entropy on the average-pooled feature map of the first view. Its batches need
/// labels.
class Supervised : public Method {
 public:
  Supervised(const Options& options, std::uint64_t seed, std::int64_t classes);
  StepLoss step(const Batch& batch) override;
  /// Backbone and classifier; the projection head is not trained.
  std::vector<torch::Tensor> trained_parameters() override;
  Encoder& encoder() override { return encoder_; }
  /// x: N x 3 x H x W. Returns N x classes.
  torch::Tensor logits(const torch::Tensor& x) {
    return classifier_(encoder_->feature_map(x).mean({2, 3}));
  }

 private:
  Encoder encoder_;
  torch::nn::Linear classifier_;
};

}  // namespace lcr
