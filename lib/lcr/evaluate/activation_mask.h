// SCDA's mask (Wei et al. 2017, "Selective Convolutional Descriptor Aggregation"), an attention
// mask that needs no learning.
#pragma once

#include <torch/types.h>

namespace lcr {

/// For each feature map (N x C x h x w): selects the positions whose activation, summed over
/// channels, exceeds its mean over positions, and keeps their largest connected component
/// (neighbours by side or corner; the first in reading order if several are equally large). Returns
/// N x h x w of 0 and 1, all ones for a map in which no position exceeds the mean.
torch::Tensor activation_mask(const torch::Tensor& feature_map);

}  // namespace lcr
