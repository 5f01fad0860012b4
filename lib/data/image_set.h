// A labelled set of images in memory, as every reader delivers it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lcr {

/// RGB images of one size with a class label each.
struct ImageSet {
  std::int64_t height = 0, width = 0;
  std::int64_t class_count = 0;
  std::vector<std::uint8_t> pixels;  ///< count x height x width x 3, RGB
  std::vector<std::int32_t> labels;  ///< count, in [0, class_count)
  std::vector<std::uint8_t> masks;   ///< count x height x width, 255 on the object; empty where there is no ground truth

  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
  std::int64_t image_bytes() const { return height * width * 3; }
  std::span<const std::uint8_t> image(std::int64_t i) const {
    return {pixels.data() + i * image_bytes(), static_cast<std::size_t>(image_bytes())};
  }
};

/// The two splits of a data set.
struct Dataset {
  std::string name;      ///< as in --dataset
  std::string title;     ///< for people
  ImageSet train, test;
};

/// The images at `indices`, in that order.
ImageSet subset(const ImageSet& set, std::span<const std::int64_t> indices);

/// The first `limit` images in a class-balanced order: the first image of every class, then the second of every class, and so
/// on. `limit` 0 or above the count keeps all, in their own order.
ImageSet limit_balanced(const ImageSet& set, std::int64_t limit);

/// SHA-256 of size, labels, pixels and masks: content and record order.
std::string fingerprint(const ImageSet& set);

}  // namespace lcr
