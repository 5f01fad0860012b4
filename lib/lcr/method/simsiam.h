// SimSiam (Chen and He 2021): a host without negatives, queue or moving average.
#pragma once

#include <torch/nn/modules/linear.h>

#include "lcr/method/host.h"

namespace lcr {

/// SimSiam's projector: three linear layers of the feature map's width, each with batch norm, the
/// last to the embedding's dimension, without ReLU and with a batch norm that learns nothing. The
/// layers have the names of the official code.
class SimSiamProjectorImpl : public torch::nn::Module {
 public:
  SimSiamProjectorImpl(std::int64_t channels, std::int64_t embedding_dim);
  /// N x C -> N x D.
  torch::Tensor forward(const torch::Tensor& pooled);

 private:
  torch::nn::Linear fc1_;
  SplitBatchNorm bn1_;
  torch::nn::Linear fc2_;
  SplitBatchNorm bn2_;
  torch::nn::Linear fc3_;
  SplitBatchNorm bn3_;
};
TORCH_MODULE(SimSiamProjector);

/// One network sees both views; a predictor maps the projection of each view to that of the other,
/// at which the gradient stops.
class SimSiam : public Host {
 public:
  SimSiam(const Options& options, std::uint64_t seed);
  /// loss: -cos(prediction of one view, projection of the other), averaged over the batch and over
  /// both roles of the views (the paper's Equation 4). positive: cos of the query view's
  /// prediction.
  Objective objective(const Batch& batch, int direction) override;
  std::vector<torch::Tensor> trained_parameters() override;
  Encoder& encoder() override { return encoder_; }

 private:
  torch::Tensor project(const torch::Tensor& feature_map) {
    return projector_(encoder_->pool(feature_map));
  }

  Encoder encoder_;
  SimSiamProjector projector_;
  ProjectionHead predictor_;
};

}  // namespace lcr
