// What one update of the weights does.
#pragma once

namespace lcr::kernels {

/// PyTorch's SGD, then the moving average:
///   v = momentum v + gradient_scale g + weight_decay p
///   p = p - lr v
///   average = average_momentum average + (1 - average_momentum) p
/// LARS (train/lars.h) puts its learning rate into g and v instead: lr is then 1.
struct UpdateRule {
  float lr, momentum, weight_decay, gradient_scale, average_momentum;
};

}  // namespace lcr::kernels
