#include "lcr/model/gfb.h"

#include "lcr/base/error.h"
#include "lcr/model/fused_norm.h"

namespace lcr {
namespace {

torch::nn::Conv2d projection(std::int64_t in, std::int64_t out) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 1).bias(false));
}

}  // namespace

GradCamFittingBranchImpl::GradCamFittingBranchImpl(std::int64_t channels, const GfbOptions& options)
    : trainable_(options.structure != "random") {
  const bool mlp = options.structure == "mlp";
  if (mlp) {
    const std::int64_t hidden = std::max<std::int64_t>(1, channels / 4);
    hidden_ = register_module("hidden", projection(channels, hidden));
    hidden_bn_ = register_module("hidden_bn", SplitBatchNorm(hidden));
    channels = hidden;
  }
  const std::int64_t count = mlp ? 1 : options.projections;
  conv_ = register_module("conv", projection(channels, count));
  bn_ = register_module("bn", SplitBatchNorm(count));
  selection_ = register_buffer("selection", torch::ones({count}));
  if (!trainable_)
    for (auto& parameter : parameters()) parameter.requires_grad_(false);
}

torch::Tensor GradCamFittingBranchImpl::projections(const torch::Tensor& feature_map) {
  if (hidden_) return bn_(conv_(norm_relu(hidden_bn_, hidden_(feature_map))));
  return norm_relu(bn_, conv_(feature_map));
}

torch::Tensor GradCamFittingBranchImpl::forward(const torch::Tensor& feature_map) {
  // All are >= 0 after the ReLU, so a projection multiplied by 0 does not change the maximum.
  return std::get<0>((projections(feature_map) * selection_.view({1, -1, 1, 1})).max(1));
}

void GradCamFittingBranchImpl::select(const std::vector<std::int64_t>& subset) {
  torch::Tensor chosen = subset.empty() ? torch::ones({count()}) : torch::zeros({count()});
  for (const auto index : subset) {
    if (index < 0 || index >= count())
      fail("projection subset: {} is not in 0..{}", index, count() - 1);
    if (chosen[index].item<float>() != 0) fail("projection subset: {} is named twice", index);
    chosen[index] = 1;
  }
  const torch::NoGradGuard no_grad;
  selection_.copy_(chosen);
}

torch::Tensor normalise_mask(const torch::Tensor& mask, const std::string& norm) {
  constexpr double kEpsilon = 1e-7;  // as in the authors' code
  if (norm == "none") return torch::relu(mask);
  if (norm == "batch") {
    const torch::Tensor shifted = mask - mask.min();
    return shifted / (shifted.max() + kEpsilon);
  }
  check_internal(norm == "image", "unknown mask normalisation");
  const torch::Tensor shifted = mask - mask.amin({1, 2}, true);
  return shifted / (shifted.amax({1, 2}, true) + kEpsilon);
}

}  // namespace lcr
