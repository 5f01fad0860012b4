// A self-supervised method that LCR can be added to. LCR sees only the method's Objective.
#pragma once

#include <functional>

#include "lcr/method/method.h"

namespace lcr {

/// What a host minimises in one direction of a step.
struct Objective {
  torch::Tensor feature_map;  ///< of the query view, N x C x h x w, with its graph
  /// Of the key view, without gradient, shuffled as MoCoV2::encode_keys() says; undefined if the
  /// host has no such map (BYOL).
  torch::Tensor key_feature_map;
  Term loss;  ///< with its graph
  /// Similarity of each image's two views (logits_pos of Algorithm A1), N x 1.
  torch::Tensor positive;
};

/// A method whose loss is the sum of its objectives. All its parameters and buffers are in
/// submodules, which Lcr registers under the same names.
class Host : public Method {
 public:
  /// The objective of one direction, from 0 to directions() - 1. A step asks for each, in order.
  virtual Objective objective(const Batch& batch, int direction) = 0;
  /// The directions of a step: two if the views change roles.
  virtual int directions() const { return 1; }
  StepLoss step(const Batch& batch) override;
  Host* host() override { return this; }

 protected:
  Host(const Options& options, std::uint64_t seed) : options_(options), seed_(seed) {}

  const Options options_;
  const std::uint64_t seed_;
};

/// The sum over the host's directions of the losses that `complete` makes of its objectives, with
/// the mask and target of the first.
StepLoss sum_over_directions(
    Host& host, const Batch& batch,
    const std::function<StepLoss(const Objective& objective, int direction)>& complete);

/// Has a network's batch norm see the shares of the batch that key_bn_groups or virtual_gpus make.
void share_batch_norm(torch::nn::Module& network, const Options& options);

}  // namespace lcr
