#include "lcr/base/rng.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <string>
#include <utility>

#include "lcr/base/error.h"
#include "lcr/base/hashing.h"

namespace lcr {

RngKey::RngKey(std::uint64_t seed, std::string_view purpose) {
  const std::string digest = sha256_hex(std::to_string(seed) + "/" + std::string(purpose));
  for (int word = 0; word < 2; ++word)
    key_[word] = static_cast<std::uint32_t>(
        std::stoul(digest.substr(static_cast<std::size_t>(word) * 8, 8), nullptr, 16));
}

std::uint32_t CounterRng::below(std::uint32_t bound) {
  check_internal(bound > 0, "CounterRng::below needs a positive bound");
  // Lemire's multiply-shift with rejection of the few values that would favour some results.
  const std::uint32_t threshold = (0u - bound) % bound;
  for (;;) {
    const std::uint64_t product = static_cast<std::uint64_t>(next()) * bound;
    if (static_cast<std::uint32_t>(product) >= threshold)
      return static_cast<std::uint32_t>(product >> 32);
  }
}

double CounterRng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

std::vector<std::int64_t> random_permutation(CounterRng rng, std::int64_t count) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[rng.below(static_cast<std::uint32_t>(i))]);
  return order;
}

}  // namespace lcr
