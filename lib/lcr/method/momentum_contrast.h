// Momentum contrast (He et al. 2020): the queue of keys and the logits.
#pragma once

#include <cstdint>

#include <torch/nn/module.h>

namespace lcr {

/// Logits before division by the temperature t.
struct ContrastiveLogits {
  torch::Tensor positive;  ///< N x 1, q . k
  torch::Tensor negative;  ///< N x Q, q . queue
};

/// The dictionary: a ring buffer of Q unit-length keys. A module, so that it moves and is saved
/// with the rest.
class KeyQueueImpl : public torch::nn::Module {
 public:
  /// Starts with random unit vectors drawn from the counter RNG.
  KeyQueueImpl(std::int64_t embedding_dim, std::int64_t size, std::uint64_t seed);
  /// q and k: N x D, unit length.
  ContrastiveLogits logits(const torch::Tensor& q, const torch::Tensor& k) const;
  /// Replaces the oldest N keys. keys: N x D; Q must be a multiple of N.
  void enqueue(const torch::Tensor& keys);
  std::int64_t size() const { return keys.size(1); }

  torch::Tensor keys;      ///< D x Q, buffer "keys"
  torch::Tensor position;  ///< where the next keys go, int64 scalar, buffer "position"

 private:
  std::int64_t known_position_ = 0;  ///< the value of `position` at its version known_version_
  std::int64_t known_version_ = -1;  ///< none yet
};
TORCH_MODULE(KeyQueue);

/// InfoNCE: mean cross-entropy of [positive, negative] / t; the positive is class 0.
torch::Tensor contrastive_loss(const ContrastiveLogits& logits, double temperature);

}  // namespace lcr
