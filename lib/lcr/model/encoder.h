// The encoder of a self-supervised method: backbone, average pooling and projection head.
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "lcr/model/resnet.h"

namespace lcr {

/// A head: Linear in-hidden, batch norm or not, ReLU, Linear hidden-D. MoCo v2's projection head
/// has no batch norm and in = hidden = C, its layers named "0" and "2" as in the official
/// checkpoints; BYOL's projector and predictor have it: "0", "1" and "3".
class ProjectionHeadImpl : public torch::nn::Module {
 public:
  ProjectionHeadImpl(std::int64_t in, std::int64_t hidden, std::int64_t embedding_dim,
                     bool batch_norm = false);
  /// N x in -> N x D.
  torch::Tensor forward(const torch::Tensor& pooled);

 private:
  torch::nn::Linear first_;
  SplitBatchNorm norm_{nullptr};
  torch::nn::Linear second_;
};
TORCH_MODULE(ProjectionHead);

struct Encoded {
  torch::Tensor feature_map;  ///< N x C x h x w, float32
  torch::Tensor embedding;    ///< N x D, unit length, float32
};

/// MoCo-Bilinear's pooling, a baseline of the paper known from the authors' compiled code: a 1x1
/// convolution to `maps` maps, BN, ReLU; each map weights the average pooling of the feature map;
/// the results are concatenated.
class BilinearPoolingImpl : public torch::nn::Module {
 public:
  BilinearPoolingImpl(std::int64_t channels, std::int64_t maps);
  /// N x C x h x w -> N x (maps C).
  torch::Tensor forward(const torch::Tensor& feature_map);

 private:
  torch::nn::Conv2d conv_;
  SplitBatchNorm bn_;
};
TORCH_MODULE(BilinearPooling);

struct EncoderOptions {
  BackboneOptions backbone;
  std::int64_t embedding_dim = 256;
  std::int64_t head_hidden =
      0;  ///< hidden units of a head with batch norm (BYOL's projector); 0: MoCo v2's head
  std::int64_t bilinear_maps = 0;  ///< 0: average pooling
  bool bfloat16 = false;           ///< backbone under autocast
};

/// psi of Algorithm A1. The backbone runs in bfloat16 where asked; what it returns is float32 (or
/// the weights' own type).
class EncoderImpl : public torch::nn::Module {
 public:
  explicit EncoderImpl(const EncoderOptions& options);
  /// x: N x 3 x H x W.
  torch::Tensor feature_map(const torch::Tensor& x);
  /// What the head (and, without a mask, the evaluation) sees of a feature map: N x F.
  torch::Tensor pool(const torch::Tensor& feature_map);
  Encoded forward(const torch::Tensor& x);
  ResNet& backbone() { return backbone_; }
  ProjectionHead& head() { return head_; }
  /// Null unless the pooling is bilinear.
  BilinearPooling& bilinear() { return bilinear_; }

 private:
  bool bfloat16_;
  ResNet backbone_;
  BilinearPooling bilinear_{nullptr};
  ProjectionHead head_{nullptr};
};
TORCH_MODULE(Encoder);

}  // namespace lcr
