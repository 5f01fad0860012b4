// How the CPU's operations of batch norm cut a batch into parts for the threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "lcr/model/intra_op_threads.h"
#include "lcr/model/kernels/kernels.h"
#include "lcr/model/norm_operations.h"

namespace lcr::fused {

/// Calls body(loops, pointer), where pointer(tensor) is the tensor's data in x's type.
template <class Body>
void with_type(const torch::Tensor& x, const Body& body) {
  const kernels::Kernels& form = kernels::kernels();
  const auto run = [&](const auto& loops, auto type) {
    using T = decltype(type);
    body(loops, [](const torch::Tensor& tensor) {
      return tensor.defined() ? static_cast<T*>(tensor.data_ptr()) : nullptr;
    });
  };
  if (x.scalar_type() == torch::kFloat)
    run(form.float32, float{});
  else
    run(form.bfloat16, kernels::Bfloat16{});
}

/// A batch's units (rows, or images) in groups, each cut into parts for the threads. Depends on the
/// shape alone, so that sums do not depend on the number of threads.
class Parts {
 public:
  Parts(std::int64_t units, std::int64_t groups, std::int64_t numbers)
      : units_(units / groups), groups_(groups) {
    constexpr std::int64_t kMost = 16, kLeastNumbers = 1 << 15;
    const std::int64_t wanted = numbers / groups / kLeastNumbers;
    part_units_ = (units_ - 1) / std::max<std::int64_t>(1, std::min(kMost, wanted)) + 1;
    parts_ = (units_ - 1) / part_units_ + 1;
  }
  std::int64_t count() const { return groups_ * parts_; }
  std::int64_t per_group() const { return parts_; }
  std::int64_t group(std::int64_t part) const { return part / parts_; }

  /// Calls body(part, first unit, number of units) for each part, on LibTorch's threads.
  template <class Body>
  void each(const Body& body) const {
    at::parallel_for(0, count(), 1, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t part = from; part < to; ++part) {
        const std::int64_t within = part % parts_ * part_units_;
        body(part, group(part) * units_ + within, std::min(part_units_, units_ - within));
      }
    });
  }

 private:
  std::int64_t units_, groups_, part_units_ = 0, parts_ = 0;
};

/// A batch's rows, in parts for the threads.
inline Parts row_parts(const torch::Tensor& x, std::int64_t groups) {
  return {rows_of(x), groups, x.numel()};
}

/// A batch's images, in parts for the threads.
inline Parts image_parts(const torch::Tensor& x, std::int64_t groups) {
  return {x.size(0), groups, x.numel()};
}

/// Per-channel sums of each part.
class Sums {
 public:
  Sums(const Parts& parts, std::int64_t channels)
      : parts_(parts), channels_(channels), values_(parts.count() * channels) {}
  double* part(std::int64_t part) { return values_.data() + part * channels_; }
  /// The sums of each group, over its parts in order: groups x channels.
  std::vector<double> totals() const {
    const std::int64_t per_group = parts_.per_group();
    std::vector<double> sums(static_cast<std::size_t>(parts_.count() / per_group * channels_));
    for (std::int64_t part = 0; part < parts_.count(); ++part)
      for (std::int64_t c = 0; c < channels_; ++c)
        sums[parts_.group(part) * channels_ + c] += values_[part * channels_ + c];
    return sums;
  }

 private:
  const Parts& parts_;
  std::int64_t channels_;
  std::vector<double> values_;
};

}  // namespace lcr::fused
