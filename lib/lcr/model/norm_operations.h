// The operations over whole batches that the forms of fused_norm.h are made of.
#pragma once

#include <cstdint>

#include <torch/types.h>

#include "lcr/model/batch_norm.h"
#include "lcr/model/kernels/norm_channels.h"

namespace lcr::fused {

/// The layout of all that the operations read and write: N x C x H x W in channels_last.
inline constexpr auto kLayout = torch::MemoryFormat::ChannelsLast;

/// The positions of all images.
inline std::int64_t rows_of(const torch::Tensor& x) { return x.numel() / x.size(1); }

/// The type of x, which is float32 or bfloat16.
kernels::Number number_of(const torch::Tensor& x);

/// An uninitialised tensor like x.
inline torch::Tensor like(const torch::Tensor& x) {
  return torch::empty(x.sizes(), x.options().memory_format(kLayout));
}

/// An uninitialised tensor for max_pool(x), 3x3, stride 2, padding 1.
torch::Tensor like_pooled(const torch::Tensor& x, torch::ScalarType type);

/// What the operations need of a batch norm, per group and channel.
struct Statistics {
  torch::Tensor values;  ///< float32, groups x kNormEntries x C (kernels/norm_channels.h)

  std::int64_t groups() const { return values.size(0); }
  std::int64_t channels() const { return values.size(2); }
};

/// Uninitialised statistics on x's device.
Statistics make_statistics(const torch::Tensor& x, std::int64_t groups);

/// The gradients of a batch norm's weight and bias, and what those of its input need.
struct NormGradient {
  torch::Tensor weight, bias;
  torch::Tensor abc;  ///< float32, groups x 3 x C, for input_gradient()
};

/// Uninitialised gradients of a batch norm with these statistics.
NormGradient make_gradient(const Statistics& statistics);

/// What is done for each channel (kernels/norm_channels.h), over these tensors. totals: float64,
/// sums over each group, one after the other.
kernels::BatchStatistics batch_statistics(SplitBatchNormImpl& norm, const torch::Tensor& x,
                                          const double* totals, const Statistics& statistics);
kernels::RunningStatistics running_statistics(const SplitBatchNormImpl& norm,
                                              const Statistics& statistics);
kernels::ParameterGradients parameter_gradients(const torch::Tensor& x,
                                                const Statistics& statistics, const double* sums,
                                                const double* products,
                                                const NormGradient& gradient);

/// A gradient g of a batch norm's result, with what follows from it.
struct Reduced {
  torch::Tensor g;
  NormGradient norm;
  NormGradient norm2;  ///< of the second batch norm, if there is one
};

/// x, y and their gradients: of one shape, in kLayout, of one type, float32 or bfloat16.
class NormOperations {
 public:
  virtual ~NormOperations() = default;
  /// In training, the batch's statistics, which also move the running ones; else the running ones.
  virtual Statistics find_statistics(SplitBatchNormImpl& norm, const torch::Tensor& x) const = 0;
  /// Writes relu(norm(x) + what is added) to y, which may be x. At most one of residual and x2
  /// (with its statistics) is defined.
  virtual void write_relu(const torch::Tensor& x, const Statistics& statistics,
                          const torch::Tensor& residual, const torch::Tensor& x2,
                          const Statistics& statistics2, const torch::Tensor& y) const = 0;
  /// Of relu(norm(x)), from its gradient.
  virtual NormGradient relu_gradient(const torch::Tensor& dy, const torch::Tensor& x,
                                     const Statistics& statistics) const = 0;
  /// Of y = relu(norm(x) + ...), from its gradients: g = dy + dy2 where y > 0. dy2 and x2 may be
  /// undefined.
  virtual Reduced residual_gradient(const torch::Tensor& dy, const torch::Tensor& dy2,
                                    const torch::Tensor& y, const torch::Tensor& x,
                                    const Statistics& statistics, const torch::Tensor& x2,
                                    const Statistics& statistics2) const = 0;
  /// dx of all groups; with `only_positive`, g counts where the batch norm's result is positive.
  virtual torch::Tensor input_gradient(const torch::Tensor& g, const torch::Tensor& x,
                                       const Statistics& statistics, const NormGradient& gradient,
                                       bool only_positive) const = 0;
  /// max_pool(relu(norm(x))), 3x3, stride 2, padding 1. where: bytes of the result's shape and
  /// layout, which get the maxima's places; may be undefined.
  virtual torch::Tensor pool(const torch::Tensor& x, const Statistics& statistics,
                             const torch::Tensor& where) const = 0;
  /// Of pool(), from its gradient.
  virtual Reduced pool_gradient(const torch::Tensor& dy, const torch::Tensor& where,
                                const torch::Tensor& x, const Statistics& statistics) const = 0;
};

const NormOperations& host_operations();    ///< the CPU's loops (kernels/kernels.h)
const NormOperations& device_operations();  ///< kernels (kernels/device_norm.h)

/// The operations for a tensor where it is, or null if there are none.
const NormOperations* operations_for(const torch::Tensor& x);

}  // namespace lcr::fused
