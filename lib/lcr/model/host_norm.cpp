// The operations of norm_operations.h on the CPU: the loops of kernels.h, on LibTorch's threads.
// Sums do not depend on the number of threads.
#include "lcr/model/host_norm_parts.h"
#include "lcr/model/norm_operations.h"

namespace lcr::fused {
namespace {

using kernels::Affine;
using torch::Tensor;

float* entry(const Statistics& statistics, std::int64_t group, kernels::NormEntry which) {
  return statistics.values.data_ptr<float>() +
         kernels::entry_at(group, which, statistics.channels());
}

Affine affine(const Statistics& statistics, std::int64_t group) {
  return {entry(statistics, group, kernels::kScale), entry(statistics, group, kernels::kShift)};
}

const float* means(const Statistics& statistics, std::int64_t group) {
  return entry(statistics, group, kernels::kMean);
}

template <class Op>
void over_channels(const Op& op) {
  for (std::int64_t c = 0; c < op.channels; ++c) op(c);
}

/// Each group's sums and squares of x less the group's first row: 2 x groups x C.
std::vector<double> moments(const Tensor& x, std::int64_t groups) {
  const std::int64_t channels = x.size(1), group_rows = rows_of(x) / groups;
  const Parts parts = row_parts(x, groups);
  Sums sums(parts, channels), squares(parts, channels);
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
  std::vector<double> both = sums.totals();
  const std::vector<double> second = squares.totals();
  both.insert(both.end(), second.begin(), second.end());
  return both;
}

NormGradient gradient_from(const Tensor& x, const Statistics& statistics, const Sums& sums,
                           const Sums& products) {
  NormGradient gradient = make_gradient(statistics);
  over_channels(
      parameter_gradients(x, statistics, sums.totals().data(), products.totals().data(), gradient));
  return gradient;
}

class HostOperations : public NormOperations {
 public:
  Statistics find_statistics(SplitBatchNormImpl& norm, const Tensor& x) const override {
    const Statistics statistics = make_statistics(x, norm.is_training() ? norm.groups : 1);
    if (norm.is_training())
      over_channels(batch_statistics(norm, x, moments(x, norm.groups).data(), statistics));
    else
      over_channels(running_statistics(norm, statistics));
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
    return gradient_from(x, statistics, sums, products);
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
    return {g, gradient_from(x, statistics, sums, products),
            joins ? gradient_from(x2, statistics2, sums, products2) : NormGradient()};
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
    return {g, gradient_from(x, statistics, sums, products), {}};
  }
};

}  // namespace

const NormOperations& host_operations() {
  static const HostOperations operations;
  return operations;
}

}  // namespace lcr::fused
