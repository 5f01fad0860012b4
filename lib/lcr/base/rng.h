// The only source of randomness: a counter-based generator keyed by seed and purpose. There is no
// hidden state: a draw depends on its key and coordinates alone, not on what ran before it or on
// the thread or device.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <Random123/philox.h>

namespace lcr {

/// Key of a family of streams: `seed` is the run's seed, `purpose` names what the numbers are for
/// ("augmentation", ...).
class RngKey {
 public:
  RngKey(std::uint64_t seed, std::string_view purpose);

 private:
  friend class CounterRng;
  r123::Philox4x32::key_type key_;
};

/// A stream of random numbers (Philox 4x32-10, Salmon et al. 2011) at the coordinates (a, b, c) of
/// a key, for example (epoch, sample, view). Streams of different coordinates are independent; each
/// holds 2^34 numbers.
class CounterRng {
 public:
  explicit CounterRng(const RngKey& key, std::uint32_t a = 0, std::uint32_t b = 0,
                      std::uint32_t c = 0)
      : key_(key.key_), counter_{{0, a, b, c}} {}

  /// Uniform on all 32-bit numbers.
  std::uint32_t next() {
    if (used_ == 4) {
      block_ = r123::Philox4x32()(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }
  /// Uniform on [0, 1), 53 bits.
  double uniform() {
    const std::uint64_t high = next() >> 5;
    const std::uint64_t low = next() >> 6;
    return static_cast<double>((high << 26) | low) * 0x1.0p-53;
  }
  /// Uniform on [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// True with this probability.
  bool chance(double probability) { return uniform() < probability; }
  /// Uniform on {0, ..., bound-1}, without modulo bias; bound >= 1.
  std::uint32_t below(std::uint32_t bound);
  /// Standard normal (Box-Muller, both values used).
  double normal();

 private:
  r123::Philox4x32::key_type key_;
  r123::Philox4x32::ctr_type counter_;
  r123::Philox4x32::ctr_type block_{};
  unsigned used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0;
};

/// A uniformly random permutation of 0..count-1 (Fisher-Yates).
std::vector<std::int64_t> random_permutation(CounterRng rng, std::int64_t count);

}  // namespace lcr
