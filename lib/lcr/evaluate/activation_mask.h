// SCDA's mask (Wei et al. 2017, "Selective Convolutional Descriptor Aggregation"): attention
// without learning.
#pragma once

#include <torch/types.h>

namespace lcr {

/// Of each feature map (N x C x h x w) the positions whose activation, summed over channels,
/// exceeds its mean over positions, and of those the largest connected component (neighbours by
/// side or corner; of equal ones the first in reading order): N x h x w of 0 and 1. All ones where
/// no position exceeds the mean.
torch::Tensor activation_mask(const torch::Tensor& feature_map);

}  // namespace lcr
