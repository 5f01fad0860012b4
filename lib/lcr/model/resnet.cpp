#include "lcr/model/resnet.h"

#include <map>

#include <torch/nn/functional/pooling.h>

#include "lcr/base/error.h"

namespace lcr {
namespace {

using torch::nn::Conv2d;
using torch::nn::Conv2dOptions;
using torch::nn::Sequential;

Conv2d convolution(std::int64_t in, std::int64_t out, std::int64_t kernel,
                   std::int64_t stride = 1) {
  return Conv2d(Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
}

SplitBatchNorm batch_norm(std::int64_t channels, const BackboneOptions& options) {
  return SplitBatchNorm(channels, options.bn_eps);
}

/// A shortcut that changes the number of channels or the resolution; null for an identity shortcut.
Sequential make_shortcut(std::int64_t in, std::int64_t out, std::int64_t stride,
                         const BackboneOptions& options) {
  if (in == out && stride == 1) return nullptr;
  return Sequential(convolution(in, out, 1, stride), batch_norm(out, options));
}

class BasicBlockImpl : public torch::nn::Module {
 public:
  static constexpr std::int64_t kExpansion = 1;
  BasicBlockImpl(std::int64_t in, std::int64_t planes, std::int64_t stride,
                 const BackboneOptions& options)
      : conv1_(register_module("conv1", convolution(in, planes, 3, stride))),
        bn1_(register_module("bn1", batch_norm(planes, options))),
        conv2_(register_module("conv2", convolution(planes, planes, 3))),
        bn2_(register_module("bn2", batch_norm(planes, options))),
        downsample_(make_shortcut(in, planes, stride, options)) {
    if (downsample_) register_module("downsample", downsample_);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor y = bn1_(conv1_(x)).relu_();
    y = bn2_(conv2_(y));
    return y.add_(downsample_ ? downsample_->forward(x) : x).relu_();
  }

 private:
  Conv2d conv1_;
  SplitBatchNorm bn1_;
  Conv2d conv2_;
  SplitBatchNorm bn2_;
  Sequential downsample_;
};
TORCH_MODULE(BasicBlock);

class BottleneckImpl : public torch::nn::Module {
 public:
  static constexpr std::int64_t kExpansion = 4;
  BottleneckImpl(std::int64_t in, std::int64_t planes, std::int64_t stride,
                 const BackboneOptions& options)
      : conv1_(register_module("conv1",
                               convolution(in, planes, 1, options.stride_in_1x1 ? stride : 1))),
        bn1_(register_module("bn1", batch_norm(planes, options))),
        conv2_(register_module("conv2",
                               convolution(planes, planes, 3, options.stride_in_1x1 ? 1 : stride))),
        bn2_(register_module("bn2", batch_norm(planes, options))),
        conv3_(register_module("conv3", convolution(planes, planes * kExpansion, 1))),
        bn3_(register_module("bn3", batch_norm(planes * kExpansion, options))),
        downsample_(make_shortcut(in, planes * kExpansion, stride, options)) {
    if (downsample_) register_module("downsample", downsample_);
  }
  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor y = bn1_(conv1_(x)).relu_();
    y = bn2_(conv2_(y)).relu_();
    y = bn3_(conv3_(y));
    return y.add_(downsample_ ? downsample_->forward(x) : x).relu_();
  }

 private:
  Conv2d conv1_;
  SplitBatchNorm bn1_;
  Conv2d conv2_;
  SplitBatchNorm bn2_;
  Conv2d conv3_;
  SplitBatchNorm bn3_;
  Sequential downsample_;
};
TORCH_MODULE(Bottleneck);

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
  if (options.arch == "narrow") return convolution(3, channels, 3, 2);
  if (options.stem == "cifar") return convolution(3, channels, 3);
  return convolution(3, channels, 7, 2);
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
    Sequential stage = make_stage(layout.bottleneck, base << i, layout.blocks[i], stride, options);
    stages_.push_back(register_module("layer" + std::to_string(i + 1), stage));
  }
}

Sequential ResNetImpl::make_stage(bool bottleneck, std::int64_t planes, std::int64_t blocks,
                                  std::int64_t stride, const BackboneOptions& options) {
  Sequential stage;
  for (std::int64_t i = 0; i < blocks; ++i) {
    if (bottleneck)
      stage->push_back(Bottleneck(channels_, planes, i == 0 ? stride : 1, options));
    else
      stage->push_back(BasicBlock(channels_, planes, i == 0 ? stride : 1, options));
    channels_ = planes * (bottleneck ? BottleneckImpl::kExpansion : BasicBlockImpl::kExpansion);
  }
  return stage;
}

torch::Tensor ResNetImpl::forward(torch::Tensor x) {
  x = bn1_(conv1_(x)).relu_();
  if (max_pool_) x = torch::max_pool2d(x, 3, 2, 1);
  for (auto& stage : stages_) x = stage->forward(x);
  return x;
}

}  // namespace lcr
