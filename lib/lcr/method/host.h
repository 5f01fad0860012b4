// A self-supervised method that LCR can be added to. The GFB sees nothing of it but an Objective.
#pragma once

#include "lcr/method/method.h"

namespace lcr {

/// What a pair of views gives.
struct Objective {
  torch::Tensor feature_map;  ///< of the query view, N x C x h x w, with its graph
  torch::Tensor
      key_feature_map;  ///< of the key view, without gradient; only where wants_key_feature_map()
  torch::Tensor loss;   ///< scalar
  torch::Tensor
      positive;  ///< similarity of each image's two views (logits_pos of Algorithm A1), N x 1
};

class Host : public Method {
 protected:
  Host(const Options& options, std::uint64_t seed) : options_(options), seed_(seed) {}
  /// From a host's objective to the loss of a step's direction: the objective alone. LCR overrides
  /// it.
  virtual StepLoss complete(const Objective& objective, [[maybe_unused]] std::int64_t step,
                            [[maybe_unused]] int direction) {
    const torch::Tensor loss = objective.loss.detach();
    return {objective.loss, loss, torch::zeros_like(loss), {}, {}};
  }
  /// Gathering the keys' feature map from all ranks is dear.
  virtual bool wants_key_feature_map() const { return false; }

  const Options options_;
  const std::uint64_t seed_;
};

}  // namespace lcr
