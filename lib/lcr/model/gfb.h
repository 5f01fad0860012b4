// The GradCAM Fitting Branch (GFB): K linear projections of the feature map and their maximum. Its
// output fits the GradCAM in training and weights the pooling at test time.
#pragma once

#include <string>
#include <vector>

#include <torch/nn/modules/conv.h>

#include "lcr/model/batch_norm.h"

namespace lcr {

struct GfbOptions {
  /// max_projections: 1x1 convolution C-K without bias, BN, ReLU, max over K (the authors' code;
  /// Algorithm A1's projections_max). mlp: 1x1 convolution C-C/4, BN, ReLU, 1x1 convolution C/4-1,
  /// BN, as a stand-in for Table E1's MLP, whose layers the paper does not give. It has no final
  /// ReLU: a single rectified map is nearly constant over whole images, and min-max normalisation
  /// of such maps makes the gradient explode (quick training diverged with it). random:
  /// max_projections with untrained, frozen weights.
  std::string structure = "max_projections";
  std::int64_t projections = 32;  ///< K
};

class GradCamFittingBranchImpl : public torch::nn::Module {
 public:
  GradCamFittingBranchImpl(std::int64_t channels, const GfbOptions& options);
  /// The K rectified projections, N x K x h x w (for the MLP its single map, not rectified).
  /// feature_map: N x C x h x w.
  torch::Tensor projections(const torch::Tensor& feature_map);
  /// The attention mask before normalisation, N x h x w: the maximum over the selected projections,
  /// >= 0 (except for the MLP).
  torch::Tensor forward(const torch::Tensor& feature_map);
  /// Uses only these projections from now on (Figure B2); empty: all. Throws UserError if an index
  /// is out of range or repeated. The selection is part of the saved state (buffer "selection": 1
  /// or 0 for each projection).
  void select(const std::vector<std::int64_t>& subset);
  /// Weights of the projections, K x C (1 x C/4 for the MLP, whose projections are not linear in
  /// the feature map).
  torch::Tensor projection_weights() const { return conv_->weight.detach().flatten(1); }
  /// Whether the projections are linear in the feature map.
  bool linear() const { return !hidden_; }
  /// K; 1 for the MLP.
  std::int64_t count() const { return conv_->options.out_channels(); }
  /// False for the random structure, whose weights keep their drawn values.
  bool trainable() const { return trainable_; }

 private:
  bool trainable_;
  torch::nn::Conv2d hidden_{nullptr};
  SplitBatchNorm hidden_bn_{nullptr};
  torch::nn::Conv2d conv_{nullptr};
  SplitBatchNorm bn_{nullptr};
  torch::Tensor selection_;
};
TORCH_MODULE(GradCamFittingBranch);

/// Min-max normalisation of a mask (N x h x w) to [0, 1]: over the whole "batch" (the authors'
/// code: the result depends on the other images of the batch), over each "image", or "none"
/// (negative values, which only the MLP's map can have, become 0). Differentiable, including
/// through the extremes.
torch::Tensor normalise_mask(const torch::Tensor& mask, const std::string& norm);

}  // namespace lcr
