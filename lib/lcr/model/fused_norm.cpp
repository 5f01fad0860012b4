#include "lcr/model/fused_norm.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/autograd.h>
#include <torch/nn/functional/pooling.h>

#include "lcr/model/norm_operations.h"

namespace lcr {
namespace {

using fused::kLayout;
using fused::NormOperations;
using fused::operations_for;
using fused::Statistics;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool fuses(const SplitBatchNorm& norm, const Tensor& x) {
  const bool known = operations_for(x) && x.dim() == 4 && x.numel() > 0 &&
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

struct NormRelu : torch::autograd::Function<NormRelu> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& /*weight*/,
                        const Tensor& /*bias*/, const Statistics& statistics) {
    Tensor y = fused::like(x);
    operations_for(x)->write_relu(x, statistics, {}, {}, {}, y);
    context->save_for_backward({x, statistics.values});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Statistics statistics{saved[1]};
    const Tensor dy = gradient_like(outputs[0], x);
    const NormOperations& operations = *operations_for(x);
    const auto gradient = operations.relu_gradient(dy, x, statistics);
    return {operations.input_gradient(dy, x, statistics, gradient, /*only_positive=*/true),
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
  const NormOperations& operations = *operations_for(x);
  const auto reduced = operations.residual_gradient(dy, dy2, y, x, statistics, x2, statistics2);
  const auto input = [&](const Tensor& of, const Statistics& by, const fused::NormGradient& norm) {
    return operations.input_gradient(reduced.g, of, by, norm, /*only_positive=*/false);
  };
  return {.x = input(x, statistics, reduced.norm),
          .weight = reduced.norm.weight,
          .bias = reduced.norm.bias,
          .other = x2.defined() ? input(x2, statistics2, reduced.norm2) : reduced.g,
          .weight2 = reduced.norm2.weight,
          .bias2 = reduced.norm2.bias};
}

struct NormAddRelu : torch::autograd::Function<NormAddRelu> {
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& /*weight*/,
                               const Tensor& /*bias*/, const Tensor& residual,
                               const Statistics& statistics) {
    const Tensor y = fused::like(x);
    operations_for(x)->write_relu(x, statistics, residual, {}, {}, y);
    context->save_for_backward({x, statistics.values, y});
    context->set_materialize_grads(false);
    return twice(y);
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    if (!outputs[0].defined() && !outputs[1].defined()) return variable_list(5);
    const SumGradients to = sum_gradients(outputs, saved[0], {saved[1]}, saved[2], {}, {});
    return {to.x, to.weight, to.bias, to.other, {}};
  }
};

struct NormJoinRelu : torch::autograd::Function<NormJoinRelu> {
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& /*weight*/,
                               const Tensor& /*bias*/, const Tensor& x2, const Tensor& /*weight2*/,
                               const Tensor& /*bias2*/, const Statistics& statistics,
                               const Statistics& statistics2) {
    const Tensor y = fused::like(x);
    operations_for(x)->write_relu(x, statistics, {}, x2, statistics2, y);
    context->save_for_backward({x, statistics.values, y, x2, statistics2.values});
    context->set_materialize_grads(false);
    return twice(y);
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    if (!outputs[0].defined() && !outputs[1].defined()) return variable_list(8);
    const SumGradients to =
        sum_gradients(outputs, saved[0], {saved[1]}, saved[2], saved[3], {saved[4]});
    return {to.x, to.weight, to.bias, to.other, to.weight2, to.bias2, {}, {}};
  }
};

struct NormReluMaxPool : torch::autograd::Function<NormReluMaxPool> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& /*weight*/,
                        const Tensor& /*bias*/, const Statistics& statistics) {
    const Tensor where = fused::like_pooled(x, torch::kByte);
    Tensor y = operations_for(x)->pool(x, statistics, where);
    context->save_for_backward({x, statistics.values, where});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &where = saved[2];
    const Statistics statistics{saved[1]};
    const NormOperations& operations = *operations_for(x);
    const auto reduced =
        operations.pool_gradient(gradient_like(outputs[0], x), where, x, statistics);
    return {operations.input_gradient(reduced.g, x, statistics, reduced.norm,
                                      /*only_positive=*/false),
            reduced.norm.weight,
            reduced.norm.bias,
            {}};
  }
};

}  // namespace

Tensor norm_relu(SplitBatchNorm& norm, const Tensor& input) {
  if (!fuses(norm, input)) return norm(input).relu_();
  const Tensor x = input.contiguous(kLayout);
  const Statistics statistics = operations_for(x)->find_statistics(*norm, x.detach());
  if (torch::GradMode::is_enabled())
    return NormRelu::apply(x, norm->weight, norm->bias, statistics);
  operations_for(x)->write_relu(x, statistics, {}, {}, {}, x);
  return x;
}

Branches norm_add_relu(SplitBatchNorm& norm, const Tensor& input, const Tensor& shortcut) {
  if (!fuses(norm, input) || shortcut.scalar_type() != input.scalar_type()) {
    const Tensor y = norm(input).add_(shortcut).relu_();
    return {y, y};
  }
  const Tensor x = input.contiguous(kLayout), residual = shortcut.contiguous(kLayout);
  const Statistics statistics = operations_for(x)->find_statistics(*norm, x.detach());
  if (torch::GradMode::is_enabled()) {
    const auto y = NormAddRelu::apply(x, norm->weight, norm->bias, residual, statistics);
    return {y[0], y[1]};
  }
  operations_for(x)->write_relu(x, statistics, residual, {}, {}, x);
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
  const Statistics statistics = operations_for(x)->find_statistics(*norm, x.detach());
  const Statistics statistics2 = operations_for(x2)->find_statistics(*norm2, x2.detach());
  if (torch::GradMode::is_enabled()) {
    const auto y = NormJoinRelu::apply(x, norm->weight, norm->bias, x2, norm2->weight, norm2->bias,
                                       statistics, statistics2);
    return {y[0], y[1]};
  }
  operations_for(x)->write_relu(x, statistics, {}, x2, statistics2, x);
  return {x, x};
}

Tensor norm_relu_max_pool(SplitBatchNorm& norm, const Tensor& input) {
  if (!fuses(norm, input)) return torch::max_pool2d(norm(input).relu_(), 3, 2, 1);
  const Tensor x = input.contiguous(kLayout);
  const Statistics statistics = operations_for(x)->find_statistics(*norm, x.detach());
  if (torch::GradMode::is_enabled())
    return NormReluMaxPool::apply(x, norm->weight, norm->bias, statistics);
  return operations_for(x)->pool(x, statistics, {});
}

}  // namespace lcr
