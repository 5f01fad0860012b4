#include "lcr/train/lars.h"

#include <ATen/ATen.h>

namespace lcr {

void Lars::step(double lr) {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    torch::Tensor& parameter = parameters_[i];
    if (!parameter.grad().defined()) continue;
    torch::Tensor direction = parameter.grad();
    velocities_[i].mul_(momentum_);
    if (parameter.dim() > 1) {
      direction = direction.add(parameter, weight_decay_);
      // The norms stay on the device: reading them would wait for it.
      const torch::Tensor weight_norm = parameter.norm();
      const torch::Tensor norm = direction.norm();
      const torch::Tensor scaled = (weight_norm > 0).logical_and(norm > 0);
      direction.mul_(torch::where(scaled, trust_ * weight_norm / norm, torch::ones_like(norm)));
    }
    velocities_[i].add_(direction, lr);
    parameter.sub_(velocities_[i]);
  }
}

}  // namespace lcr
