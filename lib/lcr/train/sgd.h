// Stochastic gradient descent with momentum: updates all parameters, and what follows them, in one
// pass and opens its state to checkpoints.
#pragma once

#include <memory>
#include <vector>

#include <torch/types.h>

#include "lcr/config/options.h"
#include "lcr/method/method.h"
#include "lcr/model/kernels/update_rule.h"

namespace lcr {

/// PyTorch's SGD:
///   d = gradient + weight_decay * p
///   v = momentum * v + d (v = d at first)
///   p -= lr * v
/// and then the moving averages. In float32 on the CPU, one loop of ours, on CUDA kernels of ours;
/// else LibTorch's operations. All equal up to rounding.
class Sgd {
 public:
  Sgd(std::vector<torch::Tensor> parameters, double momentum, double weight_decay,
      const MovingAverages& averages = {});
  virtual ~Sgd() = default;
  /// Removes all gradients.
  void zero_grad();
  /// The gradients of the parameters that have one, in the parameters' order.
  std::vector<torch::Tensor> gradients() const;
  /// One update. Parameters without a gradient keep their values and velocities; their averages
  /// move.
  virtual void step(double lr);
  /// One velocity per parameter, in the parameters' order; zero before the first step (equivalent
  /// to v = d).
  std::vector<torch::Tensor>& velocities() { return velocities_; }

 protected:
  /// Whether update_fused() can update the parameters as they are now.
  bool fuses() const;
  /// Updates all parameters. directions: one per parameter, the gradient's place in the rule;
  /// undefined: only the average moves. The rule's average_momentum is set here.
  void update_fused(std::vector<torch::Tensor> directions, kernels::UpdateRule rule);
  /// Moves the averages by LibTorch's operations.
  void move_averages();

  std::vector<torch::Tensor> parameters_, velocities_;
  double momentum_, weight_decay_;

 private:
  std::vector<torch::Tensor> averages_;  ///< one per parameter; undefined: none
  double average_momentum_;
};

/// The optimiser that the options name (--optimizer), of a method as it is now: move and convert it
/// before.
std::unique_ptr<Sgd> make_optimizer(Method& method, const Options& options);

}  // namespace lcr
