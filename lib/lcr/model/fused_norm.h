// Batch norm and what follows it in a residual network, as one operation: what these cost is
// reading and writing feature maps.
#pragma once

#include "lcr/model/batch_norm.h"

namespace lcr {

/// A tensor that goes two ways, into the next layers and around them. The two are equal; where
/// training records a graph they are apart, so that their gradients meet in the operation that made
/// them, which adds them while it reads them.
struct Branches {
  torch::Tensor main, shortcut;
};

/// The four forms in which residual networks use batch norm. Each equals LibTorch's operations up
/// to rounding, and runs as one operation (model/kernels) on the CPU for N x C x H x W in float32
/// or bfloat16, except where a graph is recorded in evaluation mode; else, LibTorch's operations
/// run. Results of the one operation are channels_last; it rounds to x's type once, at its end, and
/// adds in the same order for every number of threads. Without a graph they may overwrite x.

/// relu(norm(x)).
torch::Tensor norm_relu(SplitBatchNorm& norm, const torch::Tensor& x);
/// relu(norm(x) + shortcut).
Branches norm_add_relu(SplitBatchNorm& norm, const torch::Tensor& x, const torch::Tensor& shortcut);
/// relu(norm(x) + norm2(x2)): a block whose shortcut ends in a batch norm.
Branches norm_join_relu(SplitBatchNorm& norm, const torch::Tensor& x, SplitBatchNorm& norm2,
                        const torch::Tensor& x2);
/// max_pool(relu(norm(x))), 3x3, stride 2, padding 1.
torch::Tensor norm_relu_max_pool(SplitBatchNorm& norm, const torch::Tensor& x);

}  // namespace lcr
