#include "lcr/method/lcr.h"

#include "lcr/base/rng.h"
#include "lcr/method/gradcam.h"
#include "lcr/method/rationale_loss.h"
#include "lcr/model/initialise.h"

namespace lcr {

Lcr::Lcr(const Options& options, std::uint64_t seed)
    : MoCoV2(options, seed),
      gfb_(register_module("gfb", GradCamFittingBranch(query_->backbone()->channels(), GfbOptions{options.gfb, options.projections}))) {
  initialise(*gfb_, InitScheme::kDefault, seed, "gfb");
  set_batch_norm_groups(*gfb_, options.key_bn_groups);
}

std::vector<torch::Tensor> Lcr::trained_parameters() {
  auto parameters = query_->parameters();
  if (gfb_->trainable())
    for (auto& parameter : gfb_->parameters()) parameters.push_back(parameter);
  return parameters;
}

// The body of Algorithm A1's loop, in its order. What stands elsewhere: the two augmentations (data/augment.h), the momentum
// update and the enqueuing (MoCoV2::step, finish_step; as in MoCo the update comes before the keys are encoded instead of after the SGD
// step, which differs by a first update that changes nothing), backward and SGD (train/trainer.cpp).
StepLoss Lcr::contrast(const torch::Tensor& x_q, const torch::Tensor& x_k, std::int64_t step, int direction) {
  const auto [feature_map, q] = query_(x_q);                            // q: N x C;  feat_map: N x 2048 x 7 x 7 in the paper
  const bool bn_as_authors = options_.gfb_bn_updates == "as_authors";
  const auto [key_feature_map, k] = encode_keys(x_k, step, direction, bn_as_authors);  // k: N x C, no gradient to keys
  const ContrastiveLogits logits = queue_->logits(q, k);                // logits_pos: N x 1;  logits_neg: N x Q
  const torch::Tensor contrastive = contrastive_loss(logits, options_.temperature);
  new_keys_.push_back(k);

  if (bn_as_authors) {
    // The authors' code sends the q and then the k features through the branch for a second contrastive loss that it never
    // uses; what remains of it are two more updates of the branch's BN statistics.
    const torch::NoGradGuard no_grad;
    gfb_(feature_map);
    gfb_(key_feature_map);
  }
  const torch::Tensor attention_mask = normalise_mask(gfb_(feature_map), options_.mask_norm);  // projections_max: N x 7 x 7

  const torch::Tensor loss = options_.lambda * contrastive;
  if (options_.nu == 0 || !gfb_->trainable()) return {loss, contrastive.detach(), torch::zeros_like(contrastive.detach()), attention_mask.detach(), {}};
  const torch::Tensor gradcam_map = target_map(logits, contrastive, feature_map, step, direction);  // N x 7 x 7
  const torch::Tensor kl = rationale_loss(attention_mask, gradcam_map, {options_.kl_axis, options_.tau, options_.kl_reduction});
  return {loss + options_.nu * kl, contrastive.detach(), kl.detach(), attention_mask.detach(), gradcam_map.detach()};
}

torch::Tensor Lcr::target_map(const ContrastiveLogits& logits, const torch::Tensor& contrastive, const torch::Tensor& feature_map, std::int64_t step, int direction) {
  if (options_.cam_source == "uniform") return torch::zeros({feature_map.size(0), feature_map.size(2), feature_map.size(3)}, feature_map.options());
  // feat_grads = autograd.grad(logits_pos, feat_map) in Algorithm A1; the authors' code differentiates the loss instead.
  const torch::Tensor scalar = cam_scalar(options_.cam_source, logits, contrastive);
  const torch::Tensor cam = scale_cam(grad_cam(scalar, feature_map, options_.detach_target == "yes"), options_.cam_scale);
  if (options_.cam_source != "shuffled") return cam;
  const auto order = random_permutation(CounterRng(RngKey(seed_, "shuffled target"), static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(direction)), cam.size(0));
  return cam.index_select(0, torch::tensor(order, torch::TensorOptions().dtype(torch::kLong).device(cam.device())));
}

}  // namespace lcr
