#include "lcr/method/moco_v2.h"

#include "lcr/base/phases.h"
#include "lcr/base/rng.h"
#include "lcr/method/host_options.h"

namespace lcr {
namespace {

/// The permutation of a batch by which its keys are shared among ranks and batch norm groups.
std::vector<std::int64_t> key_order(std::uint64_t seed, std::int64_t step, int direction,
                                    std::int64_t batch_size) {
  const CounterRng rng(RngKey(seed, "shuffling BN"), static_cast<std::uint32_t>(step),
                       static_cast<std::uint32_t>(direction));
  return random_permutation(rng, batch_size);
}

}  // namespace

MoCoV2::MoCoV2(const Options& options, std::uint64_t seed)
    : Host(options, seed),
      query_(register_module("query", make_encoder(options, seed))),
      // The same seed: psi_k starts as a copy of psi_q.
      key_(register_module("key", make_encoder(options, seed))),
      queue_(register_module("queue",
                             KeyQueue(options.get<HostOptions>().embedding_dim,
                                      options.get<MomentumContrastOptions>().queue_size, seed))) {
  for (auto& parameter : key_->parameters()) parameter.requires_grad_(false);
  share_batch_norm(*query_, options);
  share_batch_norm(*key_, options);
}

MovingAverages MoCoV2::moving_averages() {
  // Each encoder keeps its own buffers (BN statistics), as in MoCo.
  return {key_->parameters(), query_->parameters(),
          options_.get<MovingAverageOptions>().key_momentum};
}

void MoCoV2::finish_step() {
  for (const auto& keys : new_keys_) queue_->enqueue(ranks().all_gather(keys));
  new_keys_.clear();
}

std::vector<ViewShare> MoCoV2::view_shares() const {
  if (ranks().size() == 1) return Host::view_shares();
  std::vector<ViewShare> shares;
  for (int direction = 0; direction < directions(); ++direction) {
    shares.push_back({direction == 0 ? 0 : 1});
    shares.push_back({direction == 0 ? 1 : 0,
                      [seed = seed_, direction, size = options_.get<BatchOptions>().batch_size](
                          std::int64_t step) { return key_order(seed, step, direction, size); }});
  }
  return shares;
}

Objective MoCoV2::objective(const Batch& batch, int direction) {
  if (direction == 0) new_keys_.clear();
  // One rank's views change roles; several have two of their own for each direction.
  const bool swaps = ranks().size() == 1 && direction == 1;
  const auto first = static_cast<std::size_t>(ranks().size() == 1 ? 0 : 2 * direction);
  const torch::Tensor& query_view = batch.views.at(first + (swaps ? 1 : 0));
  const torch::Tensor& key_view = batch.views.at(first + (swaps ? 0 : 1));
  const auto [feature_map, q] = [&] {
    const Phase phase("query forward");
    return query_(query_view);
  }();
  const auto [key_feature_map, k] = encode_keys(key_view, batch.step, direction);
  const Phase phase("loss");
  const ContrastiveLogits logits = queue_->logits(q, k);
  new_keys_.push_back(k);
  return {.feature_map = feature_map,
          .key_feature_map = key_feature_map,
          .loss = {"contrastive_loss",
                   contrastive_loss(logits, options_.get<MomentumContrastOptions>().temperature)},
          .positive = logits.positive};
}

Encoded MoCoV2::encode_keys(const torch::Tensor& key_view, std::int64_t step, int direction) {
  const Phase phase("key forward");
  const torch::NoGradGuard no_grad;
  const bool among_ranks = ranks().size() > 1;
  const bool among_groups = key_->is_training() && batch_norm_groups(options_) > 1;
  if (!among_ranks && !among_groups) return key_(key_view);
  const std::int64_t share = key_view.size(0);
  const torch::Tensor shuffle =
      torch::tensor(key_order(seed_, step, direction, share * ranks().size()),
                    torch::TensorOptions().dtype(torch::kLong).device(key_view.device()));
  const torch::Tensor restore = shuffle.argsort().narrow(0, ranks().rank() * share, share);
  const Encoded shuffled = key_(among_ranks ? key_view : key_view.index_select(0, shuffle));
  return {shuffled.feature_map, ranks().all_gather(shuffled.embedding).index_select(0, restore)};
}

}  // namespace lcr
