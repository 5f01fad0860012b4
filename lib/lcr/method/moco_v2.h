// MoCo v2 (Chen et al. 2020): the baseline and the paper's host of LCR.
#pragma once

#include "lcr/method/host.h"
#include "lcr/method/host_options.h"
#include "lcr/method/momentum_contrast.h"

namespace lcr {

class MoCoV2 : public Host {
 public:
  MoCoV2(const Options& options, std::uint64_t seed);
  /// InfoNCE of the query and the key view, which change roles in direction 1.
  Objective objective(const Batch& batch, int direction) override;
  int directions() const override {
    return options_.get<MomentumContrastOptions>().symmetric ? 2 : 1;
  }
  /// For each direction its query view and its key view, the latter shuffled if there are several
  /// ranks: each renders the keys that it encodes, so that no image travels between them.
  std::vector<ViewShare> view_shares() const override;
  void finish_step() override;
  std::vector<torch::Tensor> trained_parameters() override { return query_->parameters(); }
  MovingAverages moving_averages() override;
  Encoder& encoder() override { return query_; }
  Encoder& key_encoder() { return key_; }
  KeyQueue& queue() { return queue_; }

 private:
  /// Encodes the key view with the key encoder, without gradient. In training with several ranks or
  /// batch norm groups, the whole batch is shuffled among all ranks and groups, so that a key's BN
  /// statistics differ from its query's (shuffling BN); among ranks, `key_view` already is
  /// (view_shares()). The embeddings are put back in order; the feature map stays shuffled, and is
  /// of this rank's share, as in the authors' code.
  Encoded encode_keys(const torch::Tensor& key_view, std::int64_t step, int direction);

  Encoder query_, key_;
  KeyQueue queue_;
  std::vector<torch::Tensor> new_keys_;  ///< of the current step
};

}  // namespace lcr
