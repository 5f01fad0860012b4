// The fit of the GFB's mask to the GradCAM: L_KL of the paper, Algorithm A1's KL_loss.
#pragma once

#include <string>

#include <torch/types.h>

namespace lcr {

struct RationaleLossOptions {
  std::string axis = "positions";  ///< softmax over all h*w "positions" (A1) or over each of the
                                   ///< "rows" (authors' code)
  double tau = 0.4;                ///< temperature of both softmaxes
  std::string reduction =
      "sum";  ///< "sum" over everything, "batchmean" (sum / N), "mean" over all N*h*w elements
};

/// KL(softmax(target / tau) || softmax(mask / tau)); both N x h x w.
torch::Tensor rationale_loss(const torch::Tensor& mask, const torch::Tensor& target,
                             const RationaleLossOptions& options);

}  // namespace lcr
