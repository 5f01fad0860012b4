// What a batch norm's operations do once for each channel, on the CPU and on devices. Plain C++17
// without LibTorch.
#pragma once

#include <cstring>

#include "lcr/model/kernels/arithmetic.h"
#include "lcr/model/kernels/kernels.h"

namespace lcr::kernels {

/// The type of a feature map.
enum class Number { kFloat, kBfloat16 };

LCR_HOST_DEVICE float to_float(float x) { return x; }
LCR_HOST_DEVICE float to_float(Bfloat16 x) {
  const std::uint32_t raw = static_cast<std::uint32_t>(x) << 16;
  float value;
  memcpy(&value, &raw, sizeof value);
  return value;
}

/// What the operations need of a batch norm: groups x kNormEntries x channels numbers.
enum NormEntry { kScale, kShift, kMean, kInverseStd, kNormEntries };

/// Where the first channel's number is.
LCR_HOST_DEVICE std::int64_t entry_at(std::int64_t group, NormEntry entry, std::int64_t channels) {
  return (group * kNormEntries + entry) * channels;
}

LCR_HOST_DEVICE void put(float* values, std::int64_t group, std::int64_t c, std::int64_t channels,
                         const NormChannel& channel) {
  values[entry_at(group, kScale, channels) + c] = channel.scale;
  values[entry_at(group, kShift, channels) + c] = channel.shift;
  values[entry_at(group, kMean, channels) + c] = channel.mean;
  values[entry_at(group, kInverseStd, channels) + c] = channel.inverse_std;
}

// ---- The operations over channels, one thread each
// -----------------------------------------------

/// From the sums of x - origin and of its square (2 x groups x channels), where the origin is each
/// group's first number: the statistics of each group, and the running ones moved.
struct BatchStatistics {
  const double* totals;
  const void* x;
  Number number;
  std::int64_t group_rows, groups, channels;
  const float* weight;
  const float* bias;
  double eps, momentum;
  std::int64_t groups_that_count;
  float* running_mean;
  float* running_var;
  std::int64_t* batches;  ///< num_batches_tracked; null: not counted here
  float* values;          ///< groups x kNormEntries x channels

  LCR_HOST_DEVICE void operator()(std::int64_t c) const {
    const auto n = static_cast<double>(group_rows);
    double mean_sum = 0, var_sum = 0;
    for (std::int64_t group = 0; group < groups; ++group) {
      const std::int64_t first = group * group_rows * channels + c;
      const float origin = number == Number::kFloat
                               ? static_cast<const float*>(x)[first]
                               : to_float(static_cast<const Bfloat16*>(x)[first]);
      const auto moments = moments_of(origin, totals[group * channels + c],
                                      totals[(groups + group) * channels + c], n);
      const auto channel = norm_channel(moments.mean, moments.variance, eps, weight[c], bias[c]);
      put(values, group, c, channels, channel);
      if (group >= groups_that_count) continue;
      mean_sum += moments.mean;
      var_sum += moments.variance * n / (n - 1);
    }
    running_mean[c] = moved(running_mean[c], momentum, mean_sum, groups_that_count);
    running_var[c] = moved(running_var[c], momentum, var_sum, groups_that_count);
    if (c == 0 && batches) ++*batches;
  }
};

/// The statistics of evaluation: the running ones, as one group.
struct RunningStatistics {
  std::int64_t channels;
  const float* weight;
  const float* bias;
  double eps;
  const float* running_mean;
  const float* running_var;
  float* values;

  LCR_HOST_DEVICE void operator()(std::int64_t c) const {
    const auto channel = norm_channel(running_mean[c], running_var[c], eps, weight[c], bias[c]);
    put(values, 0, c, channels, channel);
  }
};

/// The gradients of a batch norm's weight and bias, and a, b, c of input_gradient_of():
/// groups x 3 x channels.
struct ParameterGradients {
  const double* sums;      ///< of g: groups x channels
  const double* products;  ///< of g (x - mean)
  const float* values;     ///< groups x kNormEntries x channels
  std::int64_t group_rows, groups, channels;
  float* weight;
  float* bias;
  float* abc;

  LCR_HOST_DEVICE void operator()(std::int64_t c) const {
    double d_weight = 0, d_bias = 0;
    for (std::int64_t group = 0; group < groups; ++group) {
      const double sum = sums[group * channels + c];
      const auto gradient =
          norm_channel_gradient(values[entry_at(group, kScale, channels) + c],
                                values[entry_at(group, kInverseStd, channels) + c], sum,
                                products[group * channels + c], static_cast<double>(group_rows));
      d_bias += sum;
      d_weight += gradient.weight;
      float* const to = abc + group * 3 * channels + c;
      to[0] = gradient.a;
      to[channels] = gradient.b;
      to[2 * channels] = gradient.c;
    }
    weight[c] = static_cast<float>(d_weight);
    bias[c] = static_cast<float>(d_bias);
  }
};

}  // namespace lcr::kernels
