#include "lcr/train/sgd.h"

#include <ATen/ATen.h>

#include "lcr/train/lars.h"

namespace lcr {

Sgd::Sgd(std::vector<torch::Tensor> parameters, double momentum, double weight_decay)
    : parameters_(std::move(parameters)), momentum_(momentum), weight_decay_(weight_decay) {
  for (const auto& parameter : parameters_) velocities_.push_back(torch::zeros_like(parameter));
}

void Sgd::zero_grad() {
  for (auto& parameter : parameters_) parameter.mutable_grad().reset();
}

std::vector<torch::Tensor> Sgd::gradients() const {
  std::vector<torch::Tensor> gradients;
  for (const auto& parameter : parameters_)
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  return gradients;
}

void Sgd::step(double lr) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parameters, velocities;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].grad().defined()) continue;
    parameters.push_back(parameters_[i]);
    velocities.push_back(velocities_[i]);
  }
  if (parameters.empty()) return;
  at::_foreach_mul_(velocities, momentum_);
  at::_foreach_add_(velocities, gradients(), 1.0);
  at::_foreach_add_(velocities, parameters, weight_decay_);
  at::_foreach_add_(parameters, velocities, -lr);
}

std::unique_ptr<Sgd> make_optimizer(std::vector<torch::Tensor> parameters, const Options& options) {
  if (options.optimizer == "lars")
    return std::make_unique<Lars>(std::move(parameters), options.sgd_momentum, options.weight_decay,
                                  options.lars_trust);
  return std::make_unique<Sgd>(std::move(parameters), options.sgd_momentum, options.weight_decay);
}

}  // namespace lcr
