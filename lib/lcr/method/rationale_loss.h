// The fit of the GFB's mask to the GradCAM: L_KL of the paper, Algorithm A1's KL_loss.
#pragma once

#include <string>

#include <torch/types.h>

namespace lcr {

struct RationaleLossOptions {
  /// Softmax over all h*w "positions" (A1) or over each of the "rows" (authors' code).
  std::string axis = "positions";
  double tau = 0.4;  ///< temperature of both softmaxes
  /// "sum" over everything, "batchmean" (sum / N) or "mean" over all N*h*w elements.
  std::string reduction = "sum";
};

/// KL(softmax(target / tau) || softmax(mask / tau)), a scalar; mask and target: N x h x w.
torch::Tensor rationale_loss(const torch::Tensor& mask, const torch::Tensor& target,
                             const RationaleLossOptions& options);

}  // namespace lcr
