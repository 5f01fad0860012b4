#include "lcr/method/lcr.h"

#include "lcr/base/phases.h"
#include "lcr/base/rng.h"
#include "lcr/method/gradcam.h"
#include "lcr/method/rationale_loss.h"
#include "lcr/model/initialise.h"

namespace lcr {
namespace {

/// `map` of the share of each virtual GPU, put together again.
template <class Map>
torch::Tensor by_gpu(const torch::Tensor& batch, std::int64_t virtual_gpus, const Map& map) {
  if (virtual_gpus == 1) return map(batch);
  std::vector<torch::Tensor> shares;
  for (const auto& share : batch.chunk(virtual_gpus)) shares.push_back(map(share));
  return torch::cat(shares);
}

}  // namespace

template <class HostMethod>
Lcr<HostMethod>::Lcr(const Options& options, std::uint64_t seed)
    : HostMethod(options, seed),
      bn_as_authors_(!bootstraps(options) && options.gfb_bn_updates == "as_authors"),
      gfb_(this->register_module(
          "gfb", GradCamFittingBranch(this->encoder()->backbone()->channels(),
                                      GfbOptions{options.gfb, options.projections}))) {
  initialise(*gfb_, InitScheme::kDefault, seed, "gfb");
  this->share_batch_norm(*gfb_);
}

template <class HostMethod>
std::vector<torch::Tensor> Lcr<HostMethod>::trained_parameters() {
  auto parameters = HostMethod::trained_parameters();
  if (gfb_->trainable())
    for (auto& parameter : gfb_->parameters()) parameters.push_back(parameter);
  return parameters;
}

// The part of Algorithm A1's loop body that is not MoCo v2, in the same order. Before it,
// elsewhere: the two augmentations (data/augment.h); q, k, logits and the contrastive loss
// (MoCoV2::contrast, or Byol::predict for BYOL). After it, in train/step.cpp: backward, SGD,
// the momentum update and the enqueueing (finish_step). MoCo's code puts the update before the keys
// are encoded instead of after the SGD step; the only difference is an additional first update,
// which changes nothing.
template <class HostMethod>
StepLoss Lcr<HostMethod>::complete(const Objective& objective, std::int64_t step, int direction) {
  const Phase phase("loss");
  const Options& options = this->options_;
  // feat_map: N x 2048 x 7 x 7 in the paper.
  const torch::Tensor& feature_map = objective.feature_map;
  if (bn_as_authors_) {
    // The authors' code passes the q and then the k features through the branch for a second
    // contrastive loss that it never uses. Only two more updates of the branch's BN statistics
    // remain of it.
    const torch::NoGradGuard no_grad;
    gfb_(feature_map);
    gfb_(objective.key_feature_map);
  }
  // projections_max: N x 7 x 7.
  const torch::Tensor attention_mask =
      by_gpu(gfb_(feature_map), options.virtual_gpus,
             [&](const torch::Tensor& share) { return normalise_mask(share, options.mask_norm); });

  const Term host_loss{objective.loss.name, objective.loss.value.detach()};
  const torch::Tensor loss = options.lambda * objective.loss.value;
  if (options.nu == 0 || !gfb_->trainable())
    return {.total = loss,
            .terms = {host_loss, {kKlLoss, torch::zeros_like(host_loss.value)}},
            .mask = attention_mask.detach(),
            .target = {}};
  const torch::Tensor gradcam_map = target_map(objective, step, direction);  // N x 7 x 7
  const RationaleLossOptions kl_options{
      .axis = options.kl_axis, .tau = options.tau, .reduction = options.kl_reduction};
  torch::Tensor kl = rationale_loss(attention_mask, gradcam_map, kl_options);
  // Each GPU sums over its share, and their losses are averaged; the other reductions are means.
  if (options.virtual_gpus > 1 && options.kl_reduction == "sum") kl = kl / options.virtual_gpus;
  return {.total = loss + options.nu * kl,
          .terms = {host_loss, {kKlLoss, kl.detach()}},
          .mask = attention_mask.detach(),
          .target = gradcam_map.detach()};
}

template <class HostMethod>
torch::Tensor Lcr<HostMethod>::target_map(const Objective& objective, std::int64_t step,
                                          int direction) const {
  const Options& options = this->options_;
  const torch::Tensor& feature_map = objective.feature_map;
  if (options.cam_source == "uniform")
    return torch::zeros({feature_map.size(0), feature_map.size(2), feature_map.size(3)},
                        feature_map.options());
  // feat_grads = autograd.grad(logits_pos, feat_map) in Algorithm A1; the authors' code
  // differentiates the loss instead.
  torch::Tensor scalar = cam_scalar(options.cam_source, objective);
  // Each GPU differentiates the mean over its share, not over the batch.
  if (options.virtual_gpus > 1 && options.cam_source == "loss")
    scalar = scalar * options.virtual_gpus;
  const bool detach = options.detach_target == "yes";
  const torch::Tensor cam = scale_cam(grad_cam(scalar, feature_map, detach), options.cam_scale);
  if (options.cam_source != "shuffled") return cam;
  const CounterRng rng(RngKey(this->seed_, "shuffled target"), static_cast<std::uint32_t>(step),
                       static_cast<std::uint32_t>(direction));
  const auto order = torch::tensor(random_permutation(rng, cam.size(0) / options.virtual_gpus),
                                   torch::TensorOptions().dtype(torch::kLong).device(cam.device()));
  return by_gpu(cam, options.virtual_gpus,
                [&](const torch::Tensor& share) { return share.index_select(0, order); });
}

template class Lcr<MoCoV2>;
template class Lcr<Byol>;

}  // namespace lcr
