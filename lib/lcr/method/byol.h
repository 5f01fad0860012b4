// BYOL (Grill et al. 2020) as the authors of LCR use it: a second host of the GFB.
#pragma once

#include "lcr/method/host.h"

namespace lcr {

/// An online network (backbone, projector, predictor) predicts the target network's projection of
/// the other view, without negatives and without a queue. The target network is a slowly moving
/// copy of the online backbone and projector, with a fixed momentum as in the authors' code; the
/// BYOL paper raises it to 1.
class Byol : public Host {
 public:
  Byol(const Options& options, std::uint64_t seed);
  /// loss: -cos(prediction of one view, target's projection of the other), averaged over the batch
  /// and over both roles of the views (half the BYOL paper's loss, up to a constant). positive: cos
  /// of the query view's prediction.
  Objective objective(const Batch& batch, int direction) override;
  std::vector<torch::Tensor> trained_parameters() override;
  MovingAverages moving_averages() override;
  Encoder& encoder() override { return online_; }
  Encoder& target_encoder() { return target_; }

 private:
  Encoder online_, target_;
  ProjectionHead predictor_;
};

}  // namespace lcr
