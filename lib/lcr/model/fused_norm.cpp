#include "lcr/model/fused_norm.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/autograd.h>
#include <torch/nn/functional/pooling.h>

#include "lcr/model/fused_parts.h"
#include "lcr/model/fused_statistics.h"

namespace lcr {
namespace {

using fused::find_statistics;
using fused::input_gradient;
using fused::kLayout;
using fused::like;
using fused::NormGradient;
using fused::Parts;
using fused::row_parts;
using fused::rows_of;
using fused::Statistics;
using fused::Sums;
using fused::with_type;
using kernels::Affine;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool fuses(const SplitBatchNorm& norm, const Tensor& x) {
  const bool known = x.is_cpu() && x.dim() == 4 && x.numel() > 0 &&
                     (x.scalar_type() == torch::kFloat || x.scalar_type() == torch::kBFloat16) &&
                     norm->weight.scalar_type() == torch::kFloat;
  if (!known || !norm->is_training()) return known && !torch::GradMode::is_enabled();
  // A variance needs two numbers.
  return x.size(0) % norm->groups == 0 && x.numel() / x.size(1) / norm->groups > 1;
}

/// A gradient in x's layout and type; undefined stays undefined.
Tensor gradient_like(const Tensor& gradient, const Tensor& x) {
  return gradient.defined() ? gradient.to(x.scalar_type()).contiguous(kLayout) : gradient;
}

/// Writes relu(norm(x) + what is added) to y, which may be x. At most one of residual and x2 (with
/// its statistics) is defined.
void write_relu(const Tensor& x, const Statistics& statistics, const Tensor& residual,
                const Tensor& x2, const Statistics* statistics2, const Tensor& y) {
  const std::int64_t channels = x.size(1);
  const Parts parts = row_parts(x, statistics.groups());
  with_type(x, [&](const auto& loops, const auto& data) {
    parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
      const std::int64_t group = parts.group(part), at = first * channels;
      const Affine affine = statistics.affine(group);
      if (x2.defined())
        loops.join(data(x) + at, affine, data(x2) + at, statistics2->affine(group), data(y) + at,
                   {count, channels});
      else
        loops.apply(data(x) + at, affine, residual.defined() ? data(residual) + at : nullptr,
                    data(y) + at, {count, channels});
    });
  });
}

struct NormRelu : torch::autograd::Function<NormRelu> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& /*weight*/,
                        const Tensor& /*bias*/, const Statistics& statistics) {
    Tensor y = like(x);
    write_relu(x, statistics, {}, {}, nullptr, y);
    context->save_for_backward({x, statistics.values});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Statistics statistics(saved[1]);
    const Tensor dy = gradient_like(outputs[0], x);
    const std::int64_t channels = x.size(1);
    const Parts parts = row_parts(x, statistics.groups());
    Sums sums(parts, channels), products(parts, channels);
    with_type(x, [&](const auto& loops, const auto& data) {
      parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
        const std::int64_t group = parts.group(part), at = first * channels;
        loops.reduce(data(dy) + at, data(x) + at, statistics.affine(group),
                     statistics.entry(group, Statistics::kMean), {count, channels}, sums.part(part),
                     products.part(part));
      });
    });
    const NormGradient gradient(statistics, rows_of(x) / statistics.groups(), sums, products);
    return {input_gradient(dy, x, statistics, gradient, /*masked=*/true),
            gradient.weight,
            gradient.bias,
            {}};
  }
};

/// Two results that to autograd know nothing of each other.
variable_list twice(const Tensor& y) {
  const at::AutoDispatchBelowADInplaceOrView guard;
  return {y, y.alias()};
}

/// The gradients of relu(norm(x) + other), and of `other`'s batch norm if it has one.
struct SumGradients {
  Tensor x, weight, bias, other, weight2, bias2;
};

/// outputs: the gradients of the two results; at least one is defined. x2: undefined, or the input
/// of the second batch norm, with its statistics.
SumGradients sum_gradients(const variable_list& outputs, const Tensor& x,
                           const Statistics& statistics, const Tensor& y, const Tensor& x2,
                           const Statistics& statistics2) {
  Tensor dy = gradient_like(outputs[0], x), dy2 = gradient_like(outputs[1], x);
  if (!dy.defined()) std::swap(dy, dy2);
  const bool joins = x2.defined();
  const std::int64_t channels = x.size(1);
  const Parts parts = row_parts(x, statistics.groups());
  Sums sums(parts, channels), products(parts, channels), products2(parts, channels);
  const Tensor g = like(x);
  with_type(x, [&](const auto& loops, const auto& data) {
    parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
      const std::int64_t group = parts.group(part), at = first * channels;
      loops.reduce_residual(data(dy) + at, dy2.defined() ? data(dy2) + at : nullptr, data(y) + at,
                            data(x) + at, statistics.entry(group, Statistics::kMean),
                            joins ? data(x2) + at : nullptr,
                            joins ? statistics2.entry(group, Statistics::kMean) : nullptr,
                            data(g) + at, {count, channels}, sums.part(part), products.part(part),
                            joins ? products2.part(part) : nullptr);
    });
  });
  const std::int64_t group_rows = rows_of(x) / statistics.groups();
  const NormGradient gradient(statistics, group_rows, sums, products);
  SumGradients result{.x = input_gradient(g, x, statistics, gradient, /*masked=*/false),
                      .weight = gradient.weight,
                      .bias = gradient.bias,
                      .other = g,
                      .weight2 = {},
                      .bias2 = {}};
  if (!joins) return result;
  const NormGradient gradient2(statistics2, group_rows, sums, products2);
  result.other = input_gradient(g, x2, statistics2, gradient2, /*masked=*/false);
  result.weight2 = gradient2.weight;
  result.bias2 = gradient2.bias;
  return result;
}

struct NormAddRelu : torch::autograd::Function<NormAddRelu> {
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& /*weight*/,
                               const Tensor& /*bias*/, const Tensor& residual,
                               const Statistics& statistics) {
    const Tensor y = like(x);
    write_relu(x, statistics, residual, {}, nullptr, y);
    context->save_for_backward({x, statistics.values, y});
    context->set_materialize_grads(false);
    return twice(y);
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    if (!outputs[0].defined() && !outputs[1].defined()) return variable_list(5);
    const SumGradients to =
        sum_gradients(outputs, saved[0], Statistics(saved[1]), saved[2], {}, Statistics(Tensor()));
    return {to.x, to.weight, to.bias, to.other, {}};
  }
};

struct NormJoinRelu : torch::autograd::Function<NormJoinRelu> {
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& /*weight*/,
                               const Tensor& /*bias*/, const Tensor& x2, const Tensor& /*weight2*/,
                               const Tensor& /*bias2*/, const Statistics& statistics,
                               const Statistics& statistics2) {
    const Tensor y = like(x);
    write_relu(x, statistics, {}, x2, &statistics2, y);
    context->save_for_backward({x, statistics.values, y, x2, statistics2.values});
    context->set_materialize_grads(false);
    return twice(y);
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    if (!outputs[0].defined() && !outputs[1].defined()) return variable_list(8);
    const SumGradients to = sum_gradients(outputs, saved[0], Statistics(saved[1]), saved[2],
                                          saved[3], Statistics(saved[4]));
    return {to.x, to.weight, to.bias, to.other, to.weight2, to.bias2, {}, {}};
  }
};

/// A batch's images, in parts for the threads.
Parts image_parts(const Tensor& x, std::int64_t groups) { return {x.size(0), groups, x.numel()}; }

std::int64_t pooled(std::int64_t size) { return (size - 1) / 2 + 1; }

/// `where` may be undefined.
Tensor pool(const Tensor& x, const Statistics& statistics, const Tensor& where) {
  Tensor y = torch::empty({x.size(0), x.size(1), pooled(x.size(2)), pooled(x.size(3))},
                          x.options().memory_format(kLayout));
  const Parts parts = image_parts(x, statistics.groups());
  with_type(x, [&](const auto& loops, const auto& data) {
    parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
      loops.pool(data(x), statistics.affine(parts.group(part)), data(y),
                 where.defined() ? where.data_ptr<std::uint8_t>() : nullptr, first, first + count,
                 x.size(2), x.size(3), x.size(1));
    });
  });
  return y;
}

struct NormReluMaxPool : torch::autograd::Function<NormReluMaxPool> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& /*weight*/,
                        const Tensor& /*bias*/, const Statistics& statistics) {
    const Tensor where =
        torch::empty({x.size(0), pooled(x.size(2)), pooled(x.size(3)), x.size(1)}, torch::kByte);
    Tensor y = pool(x, statistics, where);
    context->save_for_backward({x, statistics.values, where});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &where = saved[2];
    const Statistics statistics(saved[1]);
    const Tensor dy = gradient_like(outputs[0], x);
    const Parts parts = image_parts(x, statistics.groups());
    Sums sums(parts, x.size(1)), products(parts, x.size(1));
    const Tensor g = like(x);
    with_type(x, [&](const auto& loops, const auto& data) {
      parts.each([&](std::int64_t part, std::int64_t first, std::int64_t count) {
        loops.pool_gradient(data(dy), where.template data_ptr<std::uint8_t>(), data(x),
                            statistics.entry(parts.group(part), Statistics::kMean), data(g), first,
                            first + count, x.size(2), x.size(3), x.size(1), sums.part(part),
                            products.part(part));
      });
    });
    const NormGradient gradient(statistics, rows_of(x) / statistics.groups(), sums, products);
    return {input_gradient(g, x, statistics, gradient, /*masked=*/false),
            gradient.weight,
            gradient.bias,
            {}};
  }
};

}  // namespace

Tensor norm_relu(SplitBatchNorm& norm, const Tensor& input) {
  if (!fuses(norm, input)) return norm(input).relu_();
  const Tensor x = input.contiguous(kLayout);
  const Statistics statistics = find_statistics(*norm, x.detach());
  if (torch::GradMode::is_enabled())
    return NormRelu::apply(x, norm->weight, norm->bias, statistics);
  write_relu(x, statistics, {}, {}, nullptr, x);
  return x;
}

Branches norm_add_relu(SplitBatchNorm& norm, const Tensor& input, const Tensor& shortcut) {
  if (!fuses(norm, input) || shortcut.scalar_type() != input.scalar_type()) {
    const Tensor y = norm(input).add_(shortcut).relu_();
    return {y, y};
  }
  const Tensor x = input.contiguous(kLayout), residual = shortcut.contiguous(kLayout);
  const Statistics statistics = find_statistics(*norm, x.detach());
  if (torch::GradMode::is_enabled()) {
    const auto y = NormAddRelu::apply(x, norm->weight, norm->bias, residual, statistics);
    return {y[0], y[1]};
  }
  write_relu(x, statistics, residual, {}, nullptr, x);
  return {x, x};
}

Branches norm_join_relu(SplitBatchNorm& norm, const Tensor& input, SplitBatchNorm& norm2,
                        const Tensor& input2) {
  if (!fuses(norm, input) || !fuses(norm2, input2) || norm->groups != norm2->groups ||
      input.scalar_type() != input2.scalar_type()) {
    const Tensor y = norm(input).add_(norm2(input2)).relu_();
    return {y, y};
  }
  const Tensor x = input.contiguous(kLayout), x2 = input2.contiguous(kLayout);
  const Statistics statistics = find_statistics(*norm, x.detach());
  const Statistics statistics2 = find_statistics(*norm2, x2.detach());
  if (torch::GradMode::is_enabled()) {
    const auto y = NormJoinRelu::apply(x, norm->weight, norm->bias, x2, norm2->weight, norm2->bias,
                                       statistics, statistics2);
    return {y[0], y[1]};
  }
  write_relu(x, statistics, {}, x2, &statistics2, x);
  return {x, x};
}

Tensor norm_relu_max_pool(SplitBatchNorm& norm, const Tensor& input) {
  if (!fuses(norm, input)) return torch::max_pool2d(norm(input).relu_(), 3, 2, 1);
  const Tensor x = input.contiguous(kLayout);
  const Statistics statistics = find_statistics(*norm, x.detach());
  if (torch::GradMode::is_enabled())
    return NormReluMaxPool::apply(x, norm->weight, norm->bias, statistics);
  return pool(x, statistics, {});
}

}  // namespace lcr
