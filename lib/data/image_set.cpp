#include "lcr/data/image_set.h"

#include <algorithm>
#include <numeric>

#include "lcr/base/hashing.h"

namespace lcr {

ImageSet subset(const ImageSet& set, std::span<const std::int64_t> indices) {
  ImageSet out;
  out.height = set.height;
  out.width = set.width;
  out.class_count = set.class_count;
  const std::int64_t area = set.height * set.width;
  for (const std::int64_t i : indices) {
    const auto image = set.image(i);
    out.pixels.insert(out.pixels.end(), image.begin(), image.end());
    out.labels.push_back(set.labels[static_cast<std::size_t>(i)]);
    if (!set.masks.empty()) out.masks.insert(out.masks.end(), set.masks.begin() + i * area, set.masks.begin() + (i + 1) * area);
  }
  return out;
}

ImageSet limit_balanced(const ImageSet& set, std::int64_t limit) {
  if (limit <= 0 || limit >= set.count()) return set;
  // Rank of each image among those of its class; a stable sort by rank interleaves the classes.
  std::vector<std::int64_t> rank(set.labels.size()), seen(static_cast<std::size_t>(set.class_count)), order(set.labels.size());
  for (std::size_t i = 0; i < rank.size(); ++i) rank[i] = seen[static_cast<std::size_t>(set.labels[i])]++;
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    const auto x = static_cast<std::size_t>(a), y = static_cast<std::size_t>(b);
    return rank[x] != rank[y] ? rank[x] < rank[y] : set.labels[x] < set.labels[y];
  });
  return subset(set, std::span(order).first(static_cast<std::size_t>(limit)));
}

std::string fingerprint(const ImageSet& set) {
  Sha256 hash;
  const std::int64_t header[] = {set.count(), set.height, set.width, set.class_count};
  hash.update(header, sizeof header);
  hash.update(set.labels.data(), set.labels.size() * sizeof set.labels[0]);
  hash.update(set.pixels.data(), set.pixels.size());
  hash.update(set.masks.data(), set.masks.size());
  return hash.hex();
}

}  // namespace lcr
