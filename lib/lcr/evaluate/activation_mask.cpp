#include "lcr/evaluate/activation_mask.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace lcr {
namespace {

/// Keeps only the largest component of the marked cells (h x w, 0 or 1); none marked: marks all.
void keep_largest_component(float* cells, std::int64_t h, std::int64_t w) {
  std::vector<int> component(static_cast<std::size_t>(h * w), 0);
  std::vector<std::int64_t> stack;
  int components = 0, largest = 0;
  std::int64_t largest_size = 0;
  for (std::int64_t seed = 0; seed < h * w; ++seed) {
    if (cells[seed] == 0 || component[static_cast<std::size_t>(seed)] != 0) continue;
    component[static_cast<std::size_t>(seed)] = ++components;
    stack.push_back(seed);
    std::int64_t size = 0;
    while (!stack.empty()) {
      const std::int64_t cell = stack.back();
      stack.pop_back();
      ++size;
      for (std::int64_t y = std::max<std::int64_t>(0, cell / w - 1);
           y <= std::min(h - 1, cell / w + 1); ++y)
        for (std::int64_t x = std::max<std::int64_t>(0, cell % w - 1);
             x <= std::min(w - 1, cell % w + 1); ++x) {
          const std::int64_t next = y * w + x;
          if (cells[next] == 0 || component[static_cast<std::size_t>(next)] != 0) continue;
          component[static_cast<std::size_t>(next)] = components;
          stack.push_back(next);
        }
    }
    if (size > largest_size) {
      largest_size = size;
      largest = components;
    }
  }
  for (std::int64_t i = 0; i < h * w; ++i)
    cells[i] = components == 0 || component[static_cast<std::size_t>(i)] == largest ? 1.0F : 0.0F;
}

}  // namespace

torch::Tensor activation_mask(const torch::Tensor& feature_map) {
  const torch::Tensor activation = feature_map.sum(1);
  const torch::Tensor cells =
      (activation > activation.mean({1, 2}, true)).to(torch::kFloat32).cpu().contiguous();
  const std::int64_t h = cells.size(1), w = cells.size(2);
  for (std::int64_t i = 0; i < cells.size(0); ++i)
    keep_largest_component(cells.data_ptr<float>() + i * h * w, h, w);
  return cells.to(feature_map.options());
}

}  // namespace lcr
