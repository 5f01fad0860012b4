// A batch norm's statistics and gradients, as its fused operations need them.
#pragma once

#include <cstdint>
#include <utility>

#include <torch/types.h>

#include "lcr/model/batch_norm.h"
#include "lcr/model/fused_parts.h"
#include "lcr/model/kernels/kernels.h"

namespace lcr::fused {

/// What the loops need of a batch norm, per group and channel: float32, groups x 4 x C.
struct Statistics {
  enum Entry { kScale, kShift, kMean, kInverseStd, kEntries };
  torch::Tensor values;

  Statistics(std::int64_t groups, std::int64_t channels)
      : values(torch::empty({groups, kEntries, channels}, torch::kFloat)) {}
  explicit Statistics(torch::Tensor saved) : values(std::move(saved)) {}
  std::int64_t groups() const { return values.size(0); }
  std::int64_t channels() const { return values.size(2); }
  float* entry(std::int64_t group, Entry entry) const {
    return values.data_ptr<float>() + (group * kEntries + entry) * channels();
  }
  kernels::Affine affine(std::int64_t group) const {
    return {entry(group, kScale), entry(group, kShift)};
  }
  void set(std::int64_t group, std::int64_t c, double mean, double variance,
           const SplitBatchNormImpl& norm) const;
};

/// In training, the batch's statistics, which also move the running ones; else the running ones.
Statistics find_statistics(SplitBatchNormImpl& norm, const torch::Tensor& x);

/// The gradients of one batch norm's weight, bias and input, from sum(g) and sum(g (x - mean)).
struct NormGradient {
  torch::Tensor weight, bias;
  torch::Tensor abc;  ///< groups x 3 x C, for input_gradient()

  NormGradient(const Statistics& statistics, std::int64_t group_rows, const Sums& sums,
               const Sums& products);
  float* of(std::int64_t group) const { return abc.data_ptr<float>() + group * 3 * weight.size(0); }
};

/// dx of all groups; with `masked`, g counts where the batch norm's result is positive.
torch::Tensor input_gradient(const torch::Tensor& g, const torch::Tensor& x,
                             const Statistics& statistics, const NormGradient& gradient,
                             bool masked);

}  // namespace lcr::fused
