// Stochastic gradient descent with momentum, all parameters in a few fused calls, its state open to checkpoints.
#pragma once

#include <torch/types.h>

#include <vector>

namespace lcr {

/// PyTorch's SGD: d = gradient + weight_decay * p; v = momentum * v + d (v = d at first); p -= lr * v.
class Sgd {
 public:
  Sgd(std::vector<torch::Tensor> parameters, double momentum, double weight_decay);
  void zero_grad();
  /// The gradients there are, in the parameters' order.
  std::vector<torch::Tensor> gradients() const;
  /// Parameters without a gradient are left alone, their velocity too.
  void step(double lr);
  /// One velocity a parameter, in the parameters' order; zero before the first step (which gives the same as v = d).
  std::vector<torch::Tensor>& velocities() { return velocities_; }

 private:
  std::vector<torch::Tensor> parameters_, velocities_;
  double momentum_, weight_decay_;
};

}  // namespace lcr
