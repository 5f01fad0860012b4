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
  out.store = set.store;
  const auto parts =
      set.parts.empty() ? 0 : static_cast<std::int64_t>(set.parts.size()) / set.count();
  for (const std::int64_t i : indices) {
    const auto at = static_cast<std::size_t>(i);
    if (set.store) {
      out.places.push_back(set.places[at]);
    } else {
      const ImageView image = set.image(i);
      if (!set.places.empty())
        out.places.push_back(
            {image.height, image.width, static_cast<std::int64_t>(out.pixels.size())});
      out.pixels.insert(out.pixels.end(), image.pixels.begin(), image.pixels.end());
    }
    out.labels.push_back(set.labels[at]);
    if (!set.boxes.empty()) out.boxes.push_back(set.boxes[at]);
    if (!set.digests.empty()) out.digests.push_back(set.digests[at]);
    out.parts.insert(out.parts.end(), set.parts.begin() + i * parts,
                     set.parts.begin() + (i + 1) * parts);
    if (!set.masks.empty())
      out.masks.insert(out.masks.end(), set.masks.begin() + i * area,
                       set.masks.begin() + (i + 1) * area);
  }
  return out;
}

std::vector<std::int64_t> balanced_indices(std::span<const std::int32_t> labels,
                                           std::int64_t class_count, std::int64_t limit) {
  std::vector<std::int64_t> order(labels.size());
  std::iota(order.begin(), order.end(), 0);
  if (limit <= 0 || limit >= static_cast<std::int64_t>(labels.size())) return order;
  // Rank of each image among those of its class; a stable sort by rank interleaves the classes.
  std::vector<std::int64_t> rank(labels.size()), seen(static_cast<std::size_t>(class_count));
  for (std::size_t i = 0; i < rank.size(); ++i)
    rank[i] = seen[static_cast<std::size_t>(labels[i])]++;
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    const auto x = static_cast<std::size_t>(a);
    const auto y = static_cast<std::size_t>(b);
    return rank[x] != rank[y] ? rank[x] < rank[y] : labels[x] < labels[y];
  });
  order.resize(static_cast<std::size_t>(limit));
  return order;
}

ImageSet limit_balanced(ImageSet set, std::int64_t limit) {
  if (limit <= 0 || limit >= set.count()) return set;
  return subset(set, balanced_indices(set.labels, set.class_count, limit));
}

ImageSet keep_classes(const ImageSet& set, std::span<const std::int64_t> classes) {
  std::vector<std::int32_t> renumbered(static_cast<std::size_t>(set.class_count), -1);
  for (std::size_t i = 0; i < classes.size(); ++i)
    renumbered[static_cast<std::size_t>(classes[i])] = static_cast<std::int32_t>(i);
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < set.count(); ++i)
    if (renumbered[static_cast<std::size_t>(set.labels[static_cast<std::size_t>(i)])] >= 0)
      kept.push_back(i);
  ImageSet out = subset(set, kept);
  out.class_count = static_cast<std::int64_t>(classes.size());
  for (auto& label : out.labels) label = renumbered[static_cast<std::size_t>(label)];
  return out;
}

std::string fingerprint(const ImageSet& set) {
  Sha256 hash;
  const std::int64_t header[] = {set.count(), set.height, set.width, set.class_count};
  hash.update(header, sizeof header);
  hash.update(set.labels.data(), set.labels.size() * sizeof set.labels[0]);
  for (std::int64_t i = 0; i < set.count(); ++i) {
    const ImageView image = set.image(i);
    const std::int64_t size[] = {image.height, image.width};
    hash.update(size, sizeof size);
    const std::string digest =
        set.digests.empty()
            ? sha256_hex({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()})
            : set.digests[static_cast<std::size_t>(i)];
    hash.update(digest.data(), digest.size());
  }
  hash.update(set.masks.data(), set.masks.size());
  return hash.hex();
}

}  // namespace lcr
