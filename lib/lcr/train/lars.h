// Layer-wise adaptive rate scaling (You, Gitman, Ginsburg 2017), as BYOL and SimCLR use it.
#pragma once

#include "lcr/train/sgd.h"

namespace lcr {

/// For weights:
///   d = gradient + weight_decay * p
///   v = momentum * v + lr * f * d, with f = trust * |p| / |d|, or 1 if either norm is 0
///   p -= v
/// Biases and batch norm (one dimension) have neither decay nor scaling (Grill et al. 2020, section
/// 3.2): v = momentum * v + lr * gradient. Unlike in Sgd, the velocity includes the learning rate.
class Lars : public Sgd {
 public:
  Lars(std::vector<torch::Tensor> parameters, double momentum, double weight_decay, double trust,
       const MovingAverages& averages = {})
      : Sgd(std::move(parameters), momentum, weight_decay, averages), trust_(trust) {}
  void step(double lr) override;

 private:
  double trust_;
};

}  // namespace lcr
