#include "lcr/model/fused_statistics.h"

#include <cmath>

namespace lcr::fused {

using kernels::Affine;
using torch::Tensor;

void Statistics::set(std::int64_t group, std::int64_t c, double mean, double variance,
                     const SplitBatchNormImpl& norm) const {
  const double inverse = 1 / std::sqrt(variance + norm.eps());
  const float scale = static_cast<float>(norm.weight.data_ptr<float>()[c] * inverse);
  entry(group, kScale)[c] = scale;
  entry(group, kShift)[c] =
      static_cast<float>(norm.bias.data_ptr<float>()[c] - mean * static_cast<double>(scale));
  entry(group, kMean)[c] = static_cast<float>(mean);
  entry(group, kInverseStd)[c] = static_cast<float>(inverse);
}

Statistics find_statistics(SplitBatchNormImpl& norm, const Tensor& x) {
  const std::int64_t channels = x.size(1), rows = rows_of(x);
  float* const running_mean = norm.running_mean.data_ptr<float>();
  float* const running_var = norm.running_var.data_ptr<float>();
  if (!norm.is_training()) {
    const Statistics statistics(1, channels);
    for (std::int64_t c = 0; c < channels; ++c)
      statistics.set(0, c, running_mean[c], running_var[c], norm);
    return statistics;
  }
  norm.count_batch();
  const std::int64_t groups = norm.groups, group_rows = rows / groups;
  const Parts parts = row_parts(x, groups);
  Sums sums(parts, channels), squares(parts, channels);
  // Each group's first row.
  const Tensor origin =
      x.permute({0, 2, 3, 1}).reshape({groups, group_rows, channels}).select(1, 0);
  const Tensor origins = origin.to(torch::kFloat).contiguous();
  with_type(x, [&](const auto& loops, const auto& data) {
    parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
      loops.moments(data(x) + first * channels, {count, channels},
                    origins.data_ptr<float>() + parts.group(part) * channels, sums.part(part),
                    squares.part(part));
    });
  });
  const Statistics statistics(groups, channels);
  const double n = static_cast<double>(group_rows);
  const std::int64_t counted = norm.groups_that_count();
  for (std::int64_t c = 0; c < channels; ++c) {
    double mean_sum = 0, var_sum = 0;
    for (std::int64_t group = 0; group < groups; ++group) {
      const double offset = sums.total(group, c) / n;
      const double mean = origins.data_ptr<float>()[group * channels + c] + offset;
      double variance = squares.total(group, c) / n - offset * offset;
      if (variance < 0) variance = 0;  // by rounding; nan stays
      statistics.set(group, c, mean, variance, norm);
      if (group >= counted) continue;
      mean_sum += mean;
      var_sum += variance * n / (n - 1);
    }
    const auto move = [&](float& running, double sum) {
      running = static_cast<float>((1 - norm.momentum) * running +
                                   norm.momentum * sum / static_cast<double>(counted));
    };
    move(running_mean[c], mean_sum);
    move(running_var[c], var_sum);
  }
  return statistics;
}

NormGradient::NormGradient(const Statistics& statistics, std::int64_t group_rows, const Sums& sums,
                           const Sums& products)
    : weight(torch::empty({statistics.channels()}, torch::kFloat)),
      bias(torch::empty_like(weight)),
      abc(torch::empty({statistics.groups(), 3, statistics.channels()}, torch::kFloat)) {
  const double n = static_cast<double>(group_rows);
  for (std::int64_t c = 0; c < statistics.channels(); ++c) {
    double d_weight = 0, d_bias = 0;
    for (std::int64_t group = 0; group < statistics.groups(); ++group) {
      const double inverse = statistics.entry(group, Statistics::kInverseStd)[c];
      const double scale = statistics.entry(group, Statistics::kScale)[c];
      const double sum = sums.total(group, c), normalised = products.total(group, c) * inverse;
      d_bias += sum;
      d_weight += normalised;
      float* const out = of(group);
      out[c] = static_cast<float>(scale);
      out[statistics.channels() + c] = static_cast<float>(-scale * inverse * normalised / n);
      out[2 * statistics.channels() + c] = static_cast<float>(-scale * sum / n);
    }
    weight.data_ptr<float>()[c] = static_cast<float>(d_weight);
    bias.data_ptr<float>()[c] = static_cast<float>(d_bias);
  }
}

Tensor input_gradient(const Tensor& g, const Tensor& x, const Statistics& statistics,
                      const NormGradient& gradient, bool masked) {
  const Tensor dx = like(x);
  const std::int64_t channels = x.size(1);
  const Parts parts = row_parts(x, statistics.groups());
  with_type(x, [&](const auto& loops, const auto& data) {
    parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
      const std::int64_t group = parts.group(part), at = first * channels;
      const Affine mask = statistics.affine(group);
      loops.input_gradient(data(g) + at, data(x) + at, statistics.entry(group, Statistics::kMean),
                           gradient.of(group), masked ? &mask : nullptr, data(dx) + at,
                           {count, channels});
    });
  });
  return dx;
}

}  // namespace lcr::fused
