#include "lcr/model/gfb.h"

#include <set>

#include "lcr/base/error.h"

namespace lcr {
namespace {

torch::nn::Conv2d projection(std::int64_t in, std::int64_t out) { return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 1).bias(false)); }

}  // namespace

GradCamFittingBranchImpl::GradCamFittingBranchImpl(std::int64_t channels, const GfbOptions& options) : trainable_(options.structure != "random") {
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
  if (!trainable_)
    for (auto& parameter : parameters()) parameter.requires_grad_(false);
}

torch::Tensor GradCamFittingBranchImpl::projections(const torch::Tensor& feature_map) {
  const torch::Tensor input = hidden_ ? torch::relu(hidden_bn_(hidden_(feature_map))) : feature_map;
  return torch::relu(bn_(conv_(input)));
}

torch::Tensor GradCamFittingBranchImpl::forward(const torch::Tensor& feature_map) {
  torch::Tensor maps = projections(feature_map);
  if (!subset_.empty()) maps = maps.index_select(1, torch::tensor(subset_, torch::TensorOptions().dtype(torch::kLong).device(maps.device())));
  return std::get<0>(maps.max(1));
}

void GradCamFittingBranchImpl::select(const std::vector<std::int64_t>& subset) {
  const std::int64_t count = conv_->options.out_channels();
  std::set<std::int64_t> seen;
  for (const auto index : subset)
    if (index < 0 || index >= count || !seen.insert(index).second) fail("projection subset: {} is out of range 0..{} or named twice", index, count - 1);
  subset_ = subset;
}

torch::Tensor normalise_mask(const torch::Tensor& mask, const std::string& norm) {
  constexpr double kEpsilon = 1e-7;  // as the authors' code
  if (norm == "none") return mask;
  if (norm == "batch") {
    const torch::Tensor shifted = mask - mask.min();
    return shifted / (shifted.max() + kEpsilon);
  }
  check_internal(norm == "image", "unknown mask normalisation");
  const torch::Tensor shifted = mask - mask.amin({1, 2}, true);
  return shifted / (shifted.amax({1, 2}, true) + kEpsilon);
}

}  // namespace lcr
