// An encoder of momentum contrast: backbone, average pooling and projection head.
#pragma once

#include <torch/nn/modules/linear.h>

#include "lcr/model/resnet.h"

namespace lcr {

/// MoCo v2's projection head: Linear C-C, ReLU, Linear C-D, named "0" and "2" as in the official checkpoints. No batch norm.
class ProjectionHeadImpl : public torch::nn::Module {
 public:
  ProjectionHeadImpl(std::int64_t channels, std::int64_t embedding_dim);
  torch::Tensor forward(const torch::Tensor& pooled) { return second_(torch::relu(first_(pooled))); }

 private:
  torch::nn::Linear first_, second_;
};
TORCH_MODULE(ProjectionHead);

struct Encoded {
  torch::Tensor feature_map;  ///< N x C x h x w, float32
  torch::Tensor embedding;    ///< N x D, unit length, float32
};

/// psi of Algorithm A1. The backbone runs in bfloat16 where asked; what it returns is float32 (or the weights' own type).
class EncoderImpl : public torch::nn::Module {
 public:
  EncoderImpl(const BackboneOptions& backbone, std::int64_t embedding_dim, bool bfloat16);
  /// x: N x 3 x H x W.
  torch::Tensor feature_map(const torch::Tensor& x);
  Encoded forward(const torch::Tensor& x);
  ResNet& backbone() { return backbone_; }
  ProjectionHead& head() { return head_; }

 private:
  bool bfloat16_;
  ResNet backbone_;
  ProjectionHead head_;
};
TORCH_MODULE(Encoder);

}  // namespace lcr
