#include "lcr/method/moco_v2.h"

#include "lcr/base/phases.h"
#include "lcr/base/rng.h"
#include "lcr/method/gradcam.h"

namespace lcr {
namespace {

constexpr const char* kLoss = "contrastive_loss";

}  // namespace

MoCoV2::MoCoV2(const Options& options, std::uint64_t seed)
    : Host(options, seed),
      query_(register_module("query", make_encoder(options, seed))),
      // The same seed: psi_k starts as a copy of psi_q.
      key_(register_module("key", make_encoder(options, seed))),
      queue_(register_module("queue", KeyQueue(options.embedding_dim, options.queue_size, seed))) {
  for (auto& parameter : key_->parameters()) parameter.requires_grad_(false);
  share_batch_norm(*query_);
  share_batch_norm(*key_);
}

StepLoss MoCoV2::step(const Batch& batch) {
  new_keys_.clear();
  const torch::Tensor &query_view = batch.views.at(0), &key_view = batch.views.at(1);
  StepLoss loss = complete(contrast(query_view, key_view, batch.step, 0), batch.step, 0);
  if (options_.symmetric) {
    const StepLoss other = complete(contrast(key_view, query_view, batch.step, 1), batch.step, 1);
    loss.total = loss.total + other.total;
    for (std::size_t i = 0; i < loss.terms.size(); ++i)
      loss.terms[i].value = loss.terms[i].value + other.terms[i].value;
  }
  return loss;
}

MovingAverages MoCoV2::moving_averages() {
  // Each encoder keeps its own buffers (BN statistics), as in MoCo.
  return {key_->parameters(), query_->parameters(), options_.key_momentum};
}

void MoCoV2::finish_step() {
  for (const auto& keys : new_keys_) queue_->enqueue(all_gather(keys));
  new_keys_.clear();
}

torch::Tensor MoCoV2::objective_cam(const torch::Tensor& query_view, const torch::Tensor& key_view,
                                    const std::string& source) {
  const auto [feature_map, q] = query_(query_view);
  torch::Tensor k;
  {
    const torch::NoGradGuard no_grad;
    k = key_(key_view).embedding;
  }
  const ContrastiveLogits logits = queue_->logits(q, k);
  const Objective objective{.feature_map = feature_map,
                            .key_feature_map = {},
                            .loss = {kLoss, contrastive_loss(logits, options_.temperature)},
                            .positive = logits.positive};
  return grad_cam(cam_scalar(source, objective), feature_map, /*detach=*/true);
}

Objective MoCoV2::contrast(const torch::Tensor& query_view, const torch::Tensor& key_view,
                           std::int64_t step, int direction) {
  const auto [feature_map, q] = [&] {
    const Phase phase("query forward");
    return query_(query_view);
  }();
  const auto [key_feature_map, k] = encode_keys(key_view, step, direction);
  const Phase phase("loss");
  const ContrastiveLogits logits = queue_->logits(q, k);
  new_keys_.push_back(k);
  return {.feature_map = feature_map,
          .key_feature_map = key_feature_map,
          .loss = {kLoss, contrastive_loss(logits, options_.temperature)},
          .positive = logits.positive};
}

Encoded MoCoV2::encode_keys(const torch::Tensor& key_view, std::int64_t step, int direction) {
  const Phase phase("key forward");
  const torch::NoGradGuard no_grad;
  if (batch_norm_groups(options_) == 1 && rank_count() == 1) return key_(key_view);
  const std::int64_t share = key_view.size(0);
  const std::int64_t first = rank() * share;
  const CounterRng rng(RngKey(seed_, "shuffling BN"), static_cast<std::uint32_t>(step),
                       static_cast<std::uint32_t>(direction));
  const auto order = random_permutation(rng, share * rank_count());
  const torch::Tensor shuffle =
      torch::tensor(order, torch::TensorOptions().dtype(torch::kLong).device(key_view.device()));
  const torch::Tensor restore = shuffle.argsort().narrow(0, first, share);
  const Encoded shuffled =
      key_(all_gather(key_view).index_select(0, shuffle.narrow(0, first, share)));
  return {shuffled.feature_map, all_gather(shuffled.embedding).index_select(0, restore)};
}

}  // namespace lcr
