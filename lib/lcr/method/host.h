// A self-supervised method that LCR can be added to. The GFB sees only the method's Objective.
#pragma once

#include "lcr/method/method.h"

namespace lcr {

/// The result of one pair of views.
struct Objective {
  torch::Tensor feature_map;  ///< of the query view, N x C x h x w, with its graph
  /// Of the key view, without gradient, shuffled as MoCoV2::encode_keys() says; undefined for BYOL.
  torch::Tensor key_feature_map;
  Term loss;  ///< with its graph
  /// Similarity of each image's two views (logits_pos of Algorithm A1), N x 1.
  torch::Tensor positive;
};

class Host : public Method {
 protected:
  Host(const Options& options, std::uint64_t seed) : options_(options), seed_(seed) {}
  /// Turns the objective of one direction of a step into its loss. A host's loss is the objective
  /// alone; LCR overrides this.
  virtual StepLoss complete(const Objective& objective, [[maybe_unused]] std::int64_t step,
                            [[maybe_unused]] int direction) {
    const auto& [name, loss] = objective.loss;
    return {.total = loss, .terms = {{name, loss.detach()}}, .mask = {}, .target = {}};
  }
  /// Has a network's batch norm see the shares of the batch that key_bn_groups or virtual_gpus
  /// make.
  void share_batch_norm(torch::nn::Module& network) const {
    set_batch_norm_groups(network, batch_norm_groups(options_),
                          /*running_of_first=*/options_.virtual_gpus > 1);
  }

  const Options options_;
  const std::uint64_t seed_;
};

}  // namespace lcr
