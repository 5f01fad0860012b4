#include "lcr/method/lcr.h"

#include "lcr/base/error.h"
#include "lcr/base/phases.h"
#include "lcr/base/rng.h"
#include "lcr/method/gradcam.h"
#include "lcr/method/host_options.h"
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

Lcr::Lcr(std::shared_ptr<Host> host, const Options& options, std::uint64_t seed)
    : options_(options.get<LcrOptions>()),
      virtual_gpus_(options.get<HostOptions>().virtual_gpus),
      seed_(seed),
      host_(std::move(host)),
      gfb_(host_->encoder()->backbone()->channels(),
           GfbOptions{options_.gfb, options_.projections}) {
  check_internal(
      host_->parameters(/*recurse=*/false).empty() && host_->buffers(/*recurse=*/false).empty(),
      "a host with tensors outside of its submodules");
  for (const auto& part : host_->named_children()) register_module(part.key(), part.value());
  register_module("gfb", gfb_);
  initialise(*gfb_, InitScheme::kDefault, seed, "gfb");
  share_batch_norm(*gfb_, options);
}

void Lcr::join(const ProcessGroup& group) {
  Method::join(group);
  host_->join(group);
}

void Lcr::train(bool on) {
  Method::train(on);
  host_->train(on);
}

StepLoss Lcr::step(const Batch& batch) {
  return sum_over_directions(*host_, batch, [&](const Objective& objective, int direction) {
    return complete(objective, batch.step, direction);
  });
}

std::vector<torch::Tensor> Lcr::trained_parameters() {
  auto parameters = host_->trained_parameters();
  if (gfb_->trainable())
    for (auto& parameter : gfb_->parameters()) parameters.push_back(parameter);
  return parameters;
}

// The part of Algorithm A1's loop body that is not MoCo v2, in the same order. Before it,
// elsewhere: the two augmentations (image/augment.h); q, k, logits and the contrastive loss
// (MoCoV2::objective, or another host's). After it, in train/step.cpp: backward, SGD,
// the momentum update and the enqueueing (finish_step). MoCo's code puts the update before the keys
// are encoded instead of after the SGD step; the only difference is an additional first update,
// which changes nothing.
StepLoss Lcr::complete(const Objective& objective, std::int64_t step, int direction) {
  const Phase phase("loss");
  // feat_map: N x 2048 x 7 x 7 in the paper.
  const torch::Tensor& feature_map = objective.feature_map;
  if (options_.gfb_bn_updates == "as_authors" && objective.key_feature_map.defined()) {
    // The authors' code passes the q and then the k features through the branch for a second
    // contrastive loss that it never uses. Only two more updates of the branch's BN statistics
    // remain of it.
    const torch::NoGradGuard no_grad;
    gfb_(feature_map);
    gfb_(objective.key_feature_map);
  }
  // projections_max: N x 7 x 7.
  const torch::Tensor attention_mask =
      by_gpu(gfb_(feature_map), virtual_gpus_,
             [&](const torch::Tensor& share) { return normalise_mask(share, options_.mask_norm); });

  const Term host_loss{objective.loss.name, objective.loss.value.detach()};
  const torch::Tensor loss = options_.lambda * objective.loss.value;
  if (options_.nu == 0 || !gfb_->trainable())
    return {.total = loss,
            .terms = {host_loss, {kKlLoss, torch::zeros_like(host_loss.value)}},
            .mask = attention_mask.detach(),
            .target = {}};
  const torch::Tensor gradcam_map = target_map(objective, step, direction);  // N x 7 x 7
  const RationaleLossOptions kl_options{
      .axis = options_.kl_axis, .tau = options_.tau, .reduction = options_.kl_reduction};
  torch::Tensor kl = rationale_loss(attention_mask, gradcam_map, kl_options);
  // Each GPU sums over its share, and their losses are averaged; the other reductions are means.
  if (virtual_gpus_ > 1 && options_.kl_reduction == "sum") kl = kl / virtual_gpus_;
  return {.total = loss + options_.nu * kl,
          .terms = {host_loss, {kKlLoss, kl.detach()}},
          .mask = attention_mask.detach(),
          .target = gradcam_map.detach()};
}

torch::Tensor Lcr::target_map(const Objective& objective, std::int64_t step, int direction) const {
  const torch::Tensor& feature_map = objective.feature_map;
  if (options_.cam_source == "uniform")
    return torch::zeros({feature_map.size(0), feature_map.size(2), feature_map.size(3)},
                        feature_map.options());
  // feat_grads = autograd.grad(logits_pos, feat_map) in Algorithm A1; the authors' code
  // differentiates the loss instead.
  torch::Tensor scalar = cam_scalar(options_.cam_source, objective);
  // Each GPU differentiates the mean over its share, not over the batch.
  if (virtual_gpus_ > 1 && options_.cam_source == "loss") scalar = scalar * virtual_gpus_;
  const bool detach = options_.detach_target == "yes";
  const torch::Tensor cam = scale_cam(grad_cam(scalar, feature_map, detach), options_.cam_scale);
  if (options_.cam_source != "shuffled") return cam;
  const CounterRng rng(RngKey(seed_, "shuffled target"), static_cast<std::uint32_t>(step),
                       static_cast<std::uint32_t>(direction));
  const auto order = torch::tensor(random_permutation(rng, cam.size(0) / virtual_gpus_),
                                   torch::TensorOptions().dtype(torch::kLong).device(cam.device()));
  return by_gpu(cam, virtual_gpus_,
                [&](const torch::Tensor& share) { return share.index_select(0, order); });
}

}  // namespace lcr
