#include "lcr/model/resnet.h"

#include <map>

#include <torch/nn/modules/container/modulelist.h>

#include "lcr/base/error.h"
#include "lcr/model/convolution.h"
#include "lcr/model/fused_norm.h"

namespace lcr {
namespace {

using torch::nn::Conv2d;

SplitBatchNorm batch_norm(std::int64_t channels, const BackboneOptions& options) {
  return SplitBatchNorm(channels, options.bn_eps);
}

/// A residual block. Its parts have torchvision's names.
class Block : public torch::nn::Module {
 public:
  /// The block's input goes through its layers and, as the shortcut, around them.
  virtual Branches forward(const Branches& x) = 0;

 protected:
  /// Without a shortcut's layers where the shortcut is the identity.
  Block(std::int64_t in, std::int64_t out, std::int64_t stride, const BackboneOptions& options) {
    if (in == out && stride == 1) return;
    shortcut_conv_ = make_convolution(in, out, 1, stride);
    shortcut_bn_ = batch_norm(out, options);
  }
  /// Call after the other layers are registered: the order is the optimiser's.
  void register_shortcut() {
    if (shortcut_conv_)
      register_module("downsample", torch::nn::ModuleList(shortcut_conv_, shortcut_bn_));
  }
  /// The block's end: batch norm, the shortcut's sum, ReLU.
  Branches finish(SplitBatchNorm& bn, const torch::Tensor& y, const torch::Tensor& shortcut) {
    if (!shortcut_conv_) return norm_add_relu(bn, y, shortcut);
    return norm_join_relu(bn, y, shortcut_bn_, convolve(shortcut_conv_, shortcut));
  }

 private:
  Conv2d shortcut_conv_{nullptr};
  SplitBatchNorm shortcut_bn_{nullptr};
};

class BasicBlock : public Block {
 public:
  static constexpr std::int64_t kExpansion = 1;
  BasicBlock(std::int64_t in, std::int64_t planes, std::int64_t stride,
             const BackboneOptions& options)
      : Block(in, planes, stride, options),
        conv1_(register_module("conv1", make_convolution(in, planes, 3, stride))),
        bn1_(register_module("bn1", batch_norm(planes, options))),
        conv2_(register_module("conv2", make_convolution(planes, planes, 3))),
        bn2_(register_module("bn2", batch_norm(planes, options))) {
    register_shortcut();
  }
  Branches forward(const Branches& x) override {
    const torch::Tensor y = norm_relu(bn1_, convolve(conv1_, x.main));
    return finish(bn2_, convolve(conv2_, y), x.shortcut);
  }

 private:
  Conv2d conv1_;
  SplitBatchNorm bn1_;
  Conv2d conv2_;
  SplitBatchNorm bn2_;
};

class Bottleneck : public Block {
 public:
  static constexpr std::int64_t kExpansion = 4;
  Bottleneck(std::int64_t in, std::int64_t planes, std::int64_t stride,
             const BackboneOptions& options)
      : Block(in, planes * kExpansion, stride, options),
        conv1_(register_module(
            "conv1", make_convolution(in, planes, 1, options.stride_in_1x1 ? stride : 1))),
        bn1_(register_module("bn1", batch_norm(planes, options))),
        conv2_(register_module(
            "conv2", make_convolution(planes, planes, 3, options.stride_in_1x1 ? 1 : stride))),
        bn2_(register_module("bn2", batch_norm(planes, options))),
        conv3_(register_module("conv3", make_convolution(planes, planes * kExpansion, 1))),
        bn3_(register_module("bn3", batch_norm(planes * kExpansion, options))) {
    register_shortcut();
  }
  Branches forward(const Branches& x) override {
    torch::Tensor y = norm_relu(bn1_, convolve(conv1_, x.main));
    y = norm_relu(bn2_, convolve(conv2_, y));
    return finish(bn3_, convolve(conv3_, y), x.shortcut);
  }

 private:
  Conv2d conv1_;
  SplitBatchNorm bn1_;
  Conv2d conv2_;
  SplitBatchNorm bn2_;
  Conv2d conv3_;
  SplitBatchNorm bn3_;
};

struct Layout {
  bool bottleneck;
  std::vector<std::int64_t> blocks;  ///< blocks per stage
};

const Layout& find_layout(const std::string& arch) {
  static const std::map<std::string, Layout> layouts = {
      {"narrow", {false, {1, 1, 1, 1}}},    {"resnet18", {false, {2, 2, 2, 2}}},
      {"resnet34", {false, {3, 4, 6, 3}}},  {"resnet50", {true, {3, 4, 6, 3}}},
      {"resnet101", {true, {3, 4, 23, 3}}}, {"resnet50_c4", {true, {3, 4, 6}}},
  };
  const auto found = layouts.find(arch);
  if (found == layouts.end()) fail("arch = '{}' is not known", arch);
  return found->second;
}

/// The stem's convolution: 3x3 stride 2 (narrow), 3x3 stride 1 (cifar) or 7x7 stride 2.
Conv2d stem_convolution(const BackboneOptions& options, std::int64_t channels) {
  if (options.arch == "narrow") return make_convolution(3, channels, 3, 2);
  if (options.stem == "cifar") return make_convolution(3, channels, 3);
  return make_convolution(3, channels, 7, 2);
}

}  // namespace

ResNetImpl::ResNetImpl(const BackboneOptions& options) {
  const Layout& layout = find_layout(options.arch);
  const bool narrow = options.arch == "narrow";
  const std::int64_t base = narrow ? options.width : 64;
  max_pool_ = !narrow && options.stem == "imagenet";
  conv1_ = register_module("conv1", stem_convolution(options, base));
  bn1_ = register_module("bn1", batch_norm(base, options));
  channels_ = base;
  for (std::size_t i = 0; i < layout.blocks.size(); ++i) {
    const std::int64_t stride = i == 0 || (narrow && i == 3) ? 1 : 2;
    add_stage("layer" + std::to_string(i + 1), layout.bottleneck, base << i, layout.blocks[i],
              stride, options);
  }
}

void ResNetImpl::add_stage(const std::string& name, bool bottleneck, std::int64_t planes,
                           std::int64_t count, std::int64_t stride,
                           const BackboneOptions& options) {
  torch::nn::ModuleList stage;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t block_stride = i == 0 ? stride : 1;
    std::shared_ptr<Block> block;
    if (bottleneck)
      block = std::make_shared<Bottleneck>(channels_, planes, block_stride, options);
    else
      block = std::make_shared<BasicBlock>(channels_, planes, block_stride, options);
    stage->push_back(block);
    blocks_.push_back(block);
    channels_ = planes * (bottleneck ? Bottleneck::kExpansion : BasicBlock::kExpansion);
  }
  register_module(name, stage);
}

torch::Tensor ResNetImpl::forward(const torch::Tensor& x) {
  const torch::Tensor stem = convolve(conv1_, x);
  const torch::Tensor y = max_pool_ ? norm_relu_max_pool(bn1_, stem) : norm_relu(bn1_, stem);
  Branches branches{y, y};
  for (const auto& block : blocks_)
    branches = std::static_pointer_cast<Block>(block)->forward(branches);
  return branches.main;
}

}  // namespace lcr
