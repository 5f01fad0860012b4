// Stochastic gradient descent with momentum: updates all parameters in a few fused calls and opens
// its state to checkpoints.
#pragma once

#include <memory>
#include <vector>

#include <torch/types.h>

#include "lcr/record/options.h"

namespace lcr {

/// PyTorch's SGD:
///   d = gradient + weight_decay * p
///   v = momentum * v + d (v = d at first)
///   p -= lr * v
class Sgd {
 public:
  Sgd(std::vector<torch::Tensor> parameters, double momentum, double weight_decay);
  virtual ~Sgd() = default;
  /// Removes all gradients.
  void zero_grad();
  /// The gradients of the parameters that have one, in the parameters' order.
  std::vector<torch::Tensor> gradients() const;
  /// One update. Parameters without a gradient keep their values and velocities.
  virtual void step(double lr);
  /// One velocity per parameter, in the parameters' order; zero before the first step (equivalent
  /// to v = d).
  std::vector<torch::Tensor>& velocities() { return velocities_; }

 protected:
  std::vector<torch::Tensor> parameters_, velocities_;
  double momentum_, weight_decay_;
};

/// The optimiser that the options name (--optimizer).
std::unique_ptr<Sgd> make_optimizer(std::vector<torch::Tensor> parameters, const Options& options);

}  // namespace lcr
