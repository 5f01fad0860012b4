// Learning Common Rationale (Shu, van den Hengel, Liu, CVPR 2023): a GradCAM Fitting Branch added
// to a host method. The paper's host is MoCo v2 (Algorithm A1); the authors' code also has BYOL.
#pragma once

#include "lcr/method/host.h"
#include "lcr/method/lcr_options.h"

namespace lcr {

/// A host and the branch whose mask fits the GradCAM of the host's objective. The host's submodules
/// are registered under their own names, beside "gfb".
class Lcr : public Method {
 public:
  /// options, seed: those of the host.
  Lcr(std::shared_ptr<Host> host, const Options& options, std::uint64_t seed);
  StepLoss step(const Batch& batch) override;
  void finish_step() override { host_->finish_step(); }
  void join(const ProcessGroup& group) override;
  std::vector<ViewShare> view_shares() const override { return host_->view_shares(); }
  void train(bool on) override;
  std::vector<torch::Tensor> trained_parameters() override;
  MovingAverages moving_averages() override { return host_->moving_averages(); }
  Encoder& encoder() override { return host_->encoder(); }
  GradCamFittingBranch gfb() override { return gfb_; }
  Host* host() override { return host_.get(); }

 private:
  /// The loss of one direction: the host's, and the divergence of the mask from the GradCAM.
  StepLoss complete(const Objective& objective, std::int64_t step, int direction);
  /// The map that the GFB fits, N x h x w.
  torch::Tensor target_map(const Objective& objective, std::int64_t step, int direction) const;

  const LcrOptions options_;
  const std::int64_t virtual_gpus_;
  const std::uint64_t seed_;
  std::shared_ptr<Host> host_;
  GradCamFittingBranch gfb_;
};

}  // namespace lcr
