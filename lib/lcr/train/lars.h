// Layer-wise adaptive rate scaling (You, Gitman, Ginsburg 2017), as BYOL and SimCLR use it.
#pragma once

#include "lcr/train/sgd.h"

namespace lcr {

/// For weights: d = gradient + weight_decay * p; v = momentum * v + lr * f * d with f = trust * |p|
/// / |d|, or 1 where either norm is 0; p -= v. Biases and batch norm (one dimension): v = momentum
/// * v + lr * gradient, without decay or scaling (Grill et al. 2020, section 3.2). Unlike in Sgd
/// the learning rate is within the velocity.
class Lars : public Sgd {
 public:
  Lars(std::vector<torch::Tensor> parameters, double momentum, double weight_decay, double trust)
      : Sgd(std::move(parameters), momentum, weight_decay), trust_(trust) {}
  void step(double lr) override;

 private:
  double trust_;
};

}  // namespace lcr
