#include "lcr/train/lars.h"

#include <ATen/ATen.h>

namespace lcr {

void Lars::step(double lr) {
  const torch::NoGradGuard no_grad;
  const bool fused = fuses();
  std::vector<torch::Tensor> directions(parameters_.size());
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    torch::Tensor& parameter = parameters_[i];
    if (!parameter.grad().defined()) continue;
    torch::Tensor direction = parameter.grad();
    if (parameter.dim() > 1) {
      direction = direction.add(parameter, weight_decay_);
      // The norms stay on the device: reading them would wait for it.
      const torch::Tensor weight_norm = parameter.norm();
      const torch::Tensor norm = direction.norm();
      const torch::Tensor scaled = (weight_norm > 0).logical_and(norm > 0);
      direction.mul_(torch::where(scaled, trust_ * weight_norm / norm, torch::ones_like(norm)));
    }
    if (fused) {
      directions[i] = direction;
    } else {
      velocities_[i].mul_(momentum_).add_(direction, lr);
      parameter.sub_(velocities_[i]);
    }
  }
  if (fused)
    update_fused(std::move(directions), {.lr = 1,
                                         .momentum = static_cast<float>(momentum_),
                                         .weight_decay = 0,
                                         .gradient_scale = static_cast<float>(lr),
                                         .average_momentum = 0});
  else
    move_averages();
}

}  // namespace lcr
