// The update of the weights, for a device: what the CUDA kernel runs. Plain C++17 without LibTorch.
#pragma once

#include "lcr/model/kernels/arithmetic.h"

namespace lcr::kernels::device {

/// Consecutive numbers of one parameter. Without a direction (null) only the average moves; it may
/// be null, too.
struct UpdatePiece {
  float* parameter;
  float* velocity;
  const float* direction;  ///< the gradient's place in the rule
  float* average;
  std::int64_t count;
};

/// As many pieces as fit into a kernel's arguments.
struct UpdateBatch {
  static constexpr int kMost = 64;
  UpdatePiece pieces[kMost];
  int count;
  UpdateRule rule;

  LCR_HOST_DEVICE void operator()(int piece, std::int64_t i) const {
    const UpdatePiece& of = pieces[piece];
    float weight = of.parameter[i];
    if (of.direction) {
      const float velocity = next_velocity(of.velocity[i], of.direction[i], weight, rule);
      of.velocity[i] = velocity;
      weight -= velocity * rule.lr;
      of.parameter[i] = weight;
    }
    if (of.average) of.average[i] = next_average(of.average[i], weight, rule);
  }
};

}  // namespace lcr::kernels::device
