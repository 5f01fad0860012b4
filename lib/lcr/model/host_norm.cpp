// The operations of norm_operations.h on the CPU: the loops of kernels.h, on LibTorch's threads.
// Sums do not depend on the number of threads.
#include "lcr/model/host_norm_parts.h"
#include "lcr/model/kernels/arithmetic.h"
#include "lcr/model/norm_operations.h"

namespace lcr::fused {
namespace {

using kernels::Affine;
using torch::Tensor;

float* entry(const Statistics& statistics, std::int64_t group, Statistics::Entry which) {
  return statistics.values.data_ptr<float>() +
         (group * Statistics::kEntries + which) * statistics.channels();
}

Affine affine(const Statistics& statistics, std::int64_t group) {
  return {entry(statistics, group, Statistics::kScale),
          entry(statistics, group, Statistics::kShift)};
}

const float* means(const Statistics& statistics, std::int64_t group) {
  return entry(statistics, group, Statistics::kMean);
}

void set(const Statistics& statistics, std::int64_t group, std::int64_t c, double mean,
         double variance, const SplitBatchNormImpl& norm) {
  const auto channel = kernels::norm_channel(
      mean, variance, norm.eps(), norm.weight.data_ptr<float>()[c], norm.bias.data_ptr<float>()[c]);
  entry(statistics, group, Statistics::kScale)[c] = channel.scale;
  entry(statistics, group, Statistics::kShift)[c] = channel.shift;
  entry(statistics, group, Statistics::kMean)[c] = channel.mean;
  entry(statistics, group, Statistics::kInverseStd)[c] = channel.inverse_std;
}

Statistics batch_statistics(SplitBatchNormImpl& norm, const Tensor& x) {
  const std::int64_t channels = x.size(1), groups = norm.groups, group_rows = rows_of(x) / groups;
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
  Statistics statistics = make_statistics(x, groups);
  float* const running_mean = norm.running_mean.data_ptr<float>();
  float* const running_var = norm.running_var.data_ptr<float>();
  const auto n = static_cast<double>(group_rows);
  const std::int64_t counted = norm.groups_that_count();
  for (std::int64_t c = 0; c < channels; ++c) {
    double mean_sum = 0, var_sum = 0;
    for (std::int64_t group = 0; group < groups; ++group) {
      const auto moments =
          kernels::moments_of(static_cast<double>(origins.data_ptr<float>()[group * channels + c]),
                              sums.total(group, c), squares.total(group, c), n);
      set(statistics, group, c, moments.mean, moments.variance, norm);
      if (group >= counted) continue;
      mean_sum += moments.mean;
      var_sum += moments.variance * n / (n - 1);
    }
    running_mean[c] = kernels::moved(running_mean[c], norm.momentum, mean_sum, counted);
    running_var[c] = kernels::moved(running_var[c], norm.momentum, var_sum, counted);
  }
  return statistics;
}

NormGradient parameter_gradients(const Statistics& statistics, std::int64_t group_rows,
                                 const Sums& sums, const Sums& products) {
  NormGradient gradient = make_gradient(statistics);
  const std::int64_t channels = statistics.channels();
  const auto n = static_cast<double>(group_rows);
  for (std::int64_t c = 0; c < channels; ++c) {
    double d_weight = 0, d_bias = 0;
    for (std::int64_t group = 0; group < statistics.groups(); ++group) {
      const double sum = sums.total(group, c);
      const auto part = kernels::norm_channel_gradient(
          entry(statistics, group, Statistics::kScale)[c],
          entry(statistics, group, Statistics::kInverseStd)[c], sum, products.total(group, c), n);
      d_bias += sum;
      d_weight += part.weight;
      float* const out = gradient.abc.data_ptr<float>() + group * 3 * channels + c;
      out[0] = part.a;
      out[channels] = part.b;
      out[2 * channels] = part.c;
    }
    gradient.weight.data_ptr<float>()[c] = static_cast<float>(d_weight);
    gradient.bias.data_ptr<float>()[c] = static_cast<float>(d_bias);
  }
  return gradient;
}

class HostOperations : public NormOperations {
 public:
  Statistics find_statistics(SplitBatchNormImpl& norm, const Tensor& x) const override {
    if (norm.is_training()) {
      norm.count_batch();
      return batch_statistics(norm, x);
    }
    Statistics statistics = make_statistics(x, 1);
    for (std::int64_t c = 0; c < x.size(1); ++c)
      set(statistics, 0, c, static_cast<double>(norm.running_mean.data_ptr<float>()[c]),
          static_cast<double>(norm.running_var.data_ptr<float>()[c]), norm);
    return statistics;
  }

  void write_relu(const Tensor& x, const Statistics& statistics, const Tensor& residual,
                  const Tensor& x2, const Statistics& statistics2, const Tensor& y) const override {
    const std::int64_t channels = x.size(1);
    const Parts parts = row_parts(x, statistics.groups());
    with_type(x, [&](const auto& loops, const auto& data) {
      parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
        const std::int64_t group = parts.group(part), at = first * channels;
        if (x2.defined())
          loops.join(data(x) + at, affine(statistics, group), data(x2) + at,
                     affine(statistics2, group), data(y) + at, {count, channels});
        else
          loops.apply(data(x) + at, affine(statistics, group),
                      residual.defined() ? data(residual) + at : nullptr, data(y) + at,
                      {count, channels});
      });
    });
  }

  NormGradient relu_gradient(const Tensor& dy, const Tensor& x,
                             const Statistics& statistics) const override {
    const std::int64_t channels = x.size(1);
    const Parts parts = row_parts(x, statistics.groups());
    Sums sums(parts, channels), products(parts, channels);
    with_type(x, [&](const auto& loops, const auto& data) {
      parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
        const std::int64_t group = parts.group(part), at = first * channels;
        loops.reduce(data(dy) + at, data(x) + at, affine(statistics, group),
                     means(statistics, group), {count, channels}, sums.part(part),
                     products.part(part));
      });
    });
    return parameter_gradients(statistics, rows_of(x) / statistics.groups(), sums, products);
  }

  Reduced residual_gradient(const Tensor& dy, const Tensor& dy2, const Tensor& y, const Tensor& x,
                            const Statistics& statistics, const Tensor& x2,
                            const Statistics& statistics2) const override {
    const bool joins = x2.defined();
    const std::int64_t channels = x.size(1);
    const Parts parts = row_parts(x, statistics.groups());
    Sums sums(parts, channels), products(parts, channels), products2(parts, channels);
    const Tensor g = like(x);
    with_type(x, [&](const auto& loops, const auto& data) {
      parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
        const std::int64_t group = parts.group(part), at = first * channels;
        loops.reduce_residual(
            data(dy) + at, dy2.defined() ? data(dy2) + at : nullptr, data(y) + at, data(x) + at,
            means(statistics, group), joins ? data(x2) + at : nullptr,
            joins ? means(statistics2, group) : nullptr, data(g) + at, {count, channels},
            sums.part(part), products.part(part), joins ? products2.part(part) : nullptr);
      });
    });
    const std::int64_t group_rows = rows_of(x) / statistics.groups();
    return {g, parameter_gradients(statistics, group_rows, sums, products),
            joins ? parameter_gradients(statistics2, group_rows, sums, products2) : NormGradient()};
  }

  Tensor input_gradient(const Tensor& g, const Tensor& x, const Statistics& statistics,
                        const NormGradient& gradient, bool only_positive) const override {
    Tensor dx = like(x);
    const std::int64_t channels = x.size(1);
    const Parts parts = row_parts(x, statistics.groups());
    with_type(x, [&](const auto& loops, const auto& data) {
      parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
        const std::int64_t group = parts.group(part), at = first * channels;
        const Affine positive = affine(statistics, group);
        loops.input_gradient(data(g) + at, data(x) + at, means(statistics, group),
                             gradient.abc.data_ptr<float>() + group * 3 * channels,
                             only_positive ? &positive : nullptr, data(dx) + at, {count, channels});
      });
    });
    return dx;
  }

  Tensor pool(const Tensor& x, const Statistics& statistics, const Tensor& where) const override {
    Tensor y = like_pooled(x, x.scalar_type());
    const Parts parts = image_parts(x, statistics.groups());
    with_type(x, [&](const auto& loops, const auto& data) {
      parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
        loops.pool(data(x), affine(statistics, parts.group(part)), data(y),
                   where.defined() ? where.data_ptr<std::uint8_t>() : nullptr, first, first + count,
                   x.size(2), x.size(3), x.size(1));
      });
    });
    return y;
  }

  Reduced pool_gradient(const Tensor& dy, const Tensor& where, const Tensor& x,
                        const Statistics& statistics) const override {
    const Parts parts = image_parts(x, statistics.groups());
    Sums sums(parts, x.size(1)), products(parts, x.size(1));
    const Tensor g = like(x);
    with_type(x, [&](const auto& loops, const auto& data) {
      parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
        loops.pool_gradient(data(dy), where.template data_ptr<std::uint8_t>(), data(x),
                            means(statistics, parts.group(part)), data(g), first, first + count,
                            x.size(2), x.size(3), x.size(1), sums.part(part), products.part(part));
      });
    });
    return {
        g, parameter_gradients(statistics, rows_of(x) / statistics.groups(), sums, products), {}};
  }
};

}  // namespace

const NormOperations& host_operations() {
  static const HostOperations operations;
  return operations;
}

}  // namespace lcr::fused
