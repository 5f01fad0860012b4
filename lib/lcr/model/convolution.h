// The backbone's convolutions: LibTorch's, with detours where those are slow on the CPU.
#pragma once

#include <torch/nn/modules/conv.h>

namespace lcr {

/// A square convolution without bias, padded by half its kernel.
torch::nn::Conv2d make_convolution(std::int64_t in, std::int64_t out, std::int64_t kernel,
                                   std::int64_t stride = 1);

/// Applies a convolution of make_convolution(). Equals conv(x) up to rounding. On the CPU:
/// - a 1x1 convolution with a stride sees only some rows and columns: they are copied first;
/// - in float32, a 3x3 convolution to small maps with many channels leaves out the padding; other
///   gradients of weights, and with AVX2 alone other convolutions, are matrix products where these
///   are faster;
/// - in bfloat16, with a form of the loops that has products of tiles (kernels.h), 1x1 convolutions
///   and most gradients of weights are such products.
/// Weights in float32 get their gradient in float32.
/// float64 goes to LibTorch as it is.
torch::Tensor convolve(torch::nn::Conv2d& conv, const torch::Tensor& x);

}  // namespace lcr
