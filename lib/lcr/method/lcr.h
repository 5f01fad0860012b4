// Learning Common Rationale (Shu, van den Hengel, Liu, CVPR 2023): a GradCAM Fitting Branch added
// to a host method. The paper's host is MoCo v2 (Algorithm A1); the authors' code also has BYOL.
#pragma once

#include "lcr/method/byol.h"
#include "lcr/method/moco_v2.h"

namespace lcr {

/// HostMethod: MoCoV2 or Byol.
template <class HostMethod>
class Lcr : public HostMethod {
 public:
  Lcr(const Options& options, std::uint64_t seed);
  std::vector<torch::Tensor> trained_parameters() override;
  GradCamFittingBranch gfb() override { return gfb_; }

 protected:
  StepLoss complete(const Objective& objective, std::int64_t step, int direction) override;

 private:
  /// The map that the GFB fits, N x h x w.
  torch::Tensor target_map(const Objective& objective, std::int64_t step, int direction) const;

  const bool bn_as_authors_;
  GradCamFittingBranch gfb_;
};

extern template class Lcr<MoCoV2>;
extern template class Lcr<Byol>;

}  // namespace lcr
