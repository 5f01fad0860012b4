#include "lcr/method/momentum_contrast.h"

#include <torch/nn/functional/loss.h>
#include <torch/nn/functional/normalization.h>

#include "lcr/base/error.h"
#include "lcr/model/initialise.h"

namespace lcr {

KeyQueueImpl::KeyQueueImpl(std::int64_t embedding_dim, std::int64_t size, std::uint64_t seed)
    : keys(register_buffer("keys", torch::nn::functional::normalize(
                                       random_normal({embedding_dim, size}, seed, "queue"),
                                       torch::nn::functional::NormalizeFuncOptions().dim(0)))),
      position(register_buffer("position", torch::zeros({}, torch::kLong))) {}

ContrastiveLogits KeyQueueImpl::logits(const torch::Tensor& q, const torch::Tensor& k) const {
  return {(q * k).sum(1, true), q.mm(keys)};
}

void KeyQueueImpl::enqueue(const torch::Tensor& new_keys) {
  const torch::NoGradGuard no_grad;
  const std::int64_t count = new_keys.size(0);
  // Reading the position from a GPU waits for it: only after somebody else has set it.
  if (position._version() != known_version_) known_position_ = position.item<std::int64_t>();
  const std::int64_t start = known_position_;
  check_internal(size() % count == 0, "the queue size is not a multiple of the batch size");
  keys.narrow(1, start, count).copy_(new_keys.t());
  known_position_ = (start + count) % size();
  position.fill_(known_position_);
  known_version_ = position._version();
}

torch::Tensor contrastive_loss(const ContrastiveLogits& logits, double temperature) {
  const torch::Tensor all = torch::cat({logits.positive, logits.negative}, 1) / temperature;
  return torch::nn::functional::cross_entropy(
      all,
      torch::zeros({all.size(0)}, torch::TensorOptions().dtype(torch::kLong).device(all.device())));
}

}  // namespace lcr
