// Residual backbones (He et al. 2016) that end in a feature map. Parameter names are torchvision's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <torch/nn/modules/conv.h>

#include "lcr/model/backbone.h"
#include "lcr/model/batch_norm.h"

namespace lcr {

struct BackboneOptions {
  /// resnet18, resnet34, resnet50, resnet101; resnet50_c4 (ends after layer3); narrow (one basic
  /// block per stage, 3x3 stride-2 stem, stage strides 1 2 2 1: a 6x6 map at 48 pixels, 4x4 at 28).
  std::string arch = "resnet50";
  /// imagenet: 7x7 stride-2 convolution, 3x3 stride-2 max-pooling. imagenet_no_pool: without the
  /// pooling. cifar: 3x3 stride-1 convolution, no pooling.
  std::string stem = "imagenet";
  std::int64_t width = 32;  ///< channels of the narrow network's first stage
  /// Bottlenecks: stride on the first 1x1 convolution (original Caffe models), not on the 3x3.
  bool stride_in_1x1 = false;
  double bn_eps = 1e-5;
};

/// A ResNet without pooling and classifier: conv1, bn1, layer1..layer4 (layer3 for resnet50_c4).
class ResNetImpl : public Backbone {
 public:
  /// Throws UserError on an unknown arch.
  explicit ResNetImpl(const BackboneOptions& options);
  torch::Tensor forward(const torch::Tensor& x) override;
  std::int64_t channels() const override { return channels_; }

 private:
  void add_stage(const std::string& name, bool bottleneck, std::int64_t planes, std::int64_t count,
                 std::int64_t stride, const BackboneOptions& options);

  std::int64_t channels_ = 0;
  bool max_pool_ = false;
  torch::nn::Conv2d conv1_{nullptr};
  SplitBatchNorm bn1_{nullptr};
  std::vector<std::shared_ptr<torch::nn::Module>> blocks_;  ///< of all stages, in order
};
TORCH_MODULE(ResNet);

}  // namespace lcr
