// BYOL (Grill et al. 2020), as the authors of LCR use it: a second host of the GFB.
#pragma once

#include "lcr/method/host.h"

namespace lcr {

/// An online network (backbone, projector, predictor) predicts what the target network, a slowly
/// moving copy of its backbone and projector, makes of the other view. No negatives, no queue. The
/// momentum of the copy is fixed, as in the authors' code; the BYOL paper lets it rise to 1.
class Byol : public Host {
 public:
  Byol(const Options& options, std::uint64_t seed);
  StepLoss step(const torch::Tensor& query_view, const torch::Tensor& key_view,
                std::int64_t step) override;
  void finish_step() override {}
  torch::Tensor objective_cam(const torch::Tensor& query_view, const torch::Tensor& key_view,
                              const std::string& source) override;
  std::vector<torch::Tensor> trained_parameters() override;
  Encoder& encoder() override { return online_; }
  Encoder& target_encoder() { return target_; }

 protected:
  /// loss: the mean of -cos(prediction of one view, target's projection of the other) over both
  /// ways round (half the BYOL paper's, but for a constant). positive: cos of the query view's
  /// prediction.
  Objective predict(const torch::Tensor& query_view, const torch::Tensor& key_view);

 private:
  Encoder online_, target_;
  ProjectionHead predictor_;
};

}  // namespace lcr
