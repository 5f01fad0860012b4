// Learning Common Rationale (Shu, van den Hengel, Liu, CVPR 2023) on MoCo v2: Algorithm A1.
#pragma once

#include "lcr/method/moco_v2.h"

namespace lcr {

class Lcr : public MoCoV2 {
 public:
  Lcr(const Options& options, std::uint64_t seed);
  std::vector<torch::Tensor> trained_parameters() override;
  GradCamFittingBranch gfb() override { return gfb_; }

 protected:
  StepLoss contrast(const torch::Tensor& query_view, const torch::Tensor& key_view, std::int64_t step, int direction) override;

 private:
  /// The map that the GFB fits, N x h x w.
  torch::Tensor target_map(const ContrastiveLogits& logits, const torch::Tensor& contrastive, const torch::Tensor& feature_map, std::int64_t step, int direction);

  GradCamFittingBranch gfb_;
};

}  // namespace lcr
