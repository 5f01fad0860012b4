#include "lcr/model/batch_norm.h"

#include <ATen/Context.h>

namespace lcr {

SplitBatchNormImpl::SplitBatchNormImpl(std::int64_t channels, double eps)
    : weight(register_parameter("weight", torch::ones({channels}))),
      bias(register_parameter("bias", torch::zeros({channels}))),
      running_mean(register_buffer("running_mean", torch::zeros({channels}))),
      running_var(register_buffer("running_var", torch::ones({channels}))),
      eps_(eps),
      num_batches_tracked_(register_buffer("num_batches_tracked", torch::zeros({}, torch::kLong))) {
}

torch::Tensor SplitBatchNormImpl::forward(const torch::Tensor& x) {
  const auto normalise = [&](const torch::Tensor& part, const torch::Tensor& mean,
                             const torch::Tensor& var) {
    return torch::batch_norm(part, weight, bias, mean, var, is_training(), momentum, eps_,
                             at::globalContext().userEnabledCuDNN());
  };
  if (is_training()) count_batch();
  if (!is_training() || groups == 1) return normalise(x, running_mean, running_var);
  torch::Tensor mean_sum = torch::zeros_like(running_mean);
  torch::Tensor var_sum = torch::zeros_like(running_var);
  std::vector<torch::Tensor> parts;
  for (const auto& part : x.chunk(groups)) {
    const torch::Tensor mean = running_mean.clone();
    const torch::Tensor var = running_var.clone();
    parts.push_back(normalise(part, mean, var));
    if (static_cast<std::int64_t>(parts.size()) > groups_that_count()) continue;
    mean_sum += mean;
    var_sum += var;
  }
  running_mean.copy_(mean_sum / groups_that_count());
  running_var.copy_(var_sum / groups_that_count());
  return torch::cat(parts);
}

std::int64_t* SplitBatchNormImpl::batch_counter() {
  return num_batches_tracked_.scalar_type() == torch::kLong
             ? num_batches_tracked_.data_ptr<std::int64_t>()
             : nullptr;
}

void SplitBatchNormImpl::count_batch() {
  // An operation of LibTorch for one number costs as much as a small layer.
  if (num_batches_tracked_.is_cpu() && batch_counter())
    ++*batch_counter();
  else
    num_batches_tracked_.add_(1);
}

void set_batch_norm_groups(torch::nn::Module& module, std::int64_t groups, bool running_of_first) {
  for (const auto& child : module.modules())
    if (auto* norm = child->as<SplitBatchNormImpl>()) {
      norm->groups = groups;
      norm->running_of_first = running_of_first;
    }
}

void set_batch_norm_momentum(torch::nn::Module& module, double momentum) {
  for (const auto& child : module.modules())
    if (auto* norm = child->as<SplitBatchNormImpl>()) norm->momentum = momentum;
}

}  // namespace lcr
