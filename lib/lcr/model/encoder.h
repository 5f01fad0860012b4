// The encoder of a self-supervised method: backbone, average pooling and projection head.
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include "lcr/model/backbone.h"
#include "lcr/model/batch_norm.h"

namespace lcr {

/// A head: Linear in-hidden, optional batch norm, ReLU, Linear hidden-D. MoCo v2's projection head
/// has no batch norm and in = hidden = C; its layers are named "0" and "2" as in the official
/// checkpoints. BYOL's projector and predictor have batch norm: "0", "1" and "3".
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

/// Pooling of MoCo-Bilinear, a baseline of the paper known from the authors' compiled code: a 1x1
/// convolution to `maps` maps, BN and ReLU. Each map weights the average pooling of the feature
/// map, and the results are concatenated.
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
  std::shared_ptr<Backbone> backbone;
  std::int64_t embedding_dim = 256;  ///< 0: no head
  /// Hidden units of a head with batch norm (BYOL's projector); 0: MoCo v2's head.
  std::int64_t head_hidden = 0;
  std::int64_t bilinear_maps = 0;  ///< 0: average pooling
  bool bfloat16 = false;           ///< runs the backbone under autocast
};

/// psi of Algorithm A1. The backbone runs in bfloat16 on request, but returns float32 (or the
/// input's own type).
class EncoderImpl : public torch::nn::Module {
 public:
  explicit EncoderImpl(const EncoderOptions& options);
  /// x: N x 3 x H x W. Returns N x C x h x w.
  torch::Tensor feature_map(const torch::Tensor& x);
  /// Pools a feature map for the head (and for the evaluation without a mask): N x F.
  torch::Tensor pool(const torch::Tensor& feature_map);
  Encoded forward(const torch::Tensor& x);
  std::shared_ptr<Backbone>& backbone() { return backbone_; }
  /// Null if there is none.
  ProjectionHead& head() { return head_; }
  /// Null unless the pooling is bilinear.
  BilinearPooling& bilinear() { return bilinear_; }

 private:
  bool bfloat16_;
  std::shared_ptr<Backbone> backbone_;
  BilinearPooling bilinear_{nullptr};
  ProjectionHead head_{nullptr};
};
TORCH_MODULE(Encoder);

}  // namespace lcr
