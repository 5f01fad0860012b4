// A labelled set of images in memory, as every reader returns it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lcr/base/files.h"

namespace lcr {

/// One image of a set: height x width x 3 bytes, RGB.
struct ImageView {
  std::span<const std::uint8_t> pixels;
  std::int64_t height, width;
};

/// A rectangle in fractions of the image's width and height, within [0, 1].
struct FractionBox {
  float left, top, right, bottom;
};

/// A location in fractions of the image's width and height.
struct FractionPoint {
  float x, y;
  bool visible;
};

/// RGB images with a class label each.
struct ImageSet {
  std::int64_t height = 0, width = 0;  ///< of every image, if all have the same size
  std::int64_t class_count = 0;
  std::vector<std::uint8_t> pixels;         ///< one image after the other; empty if in `store`
  std::shared_ptr<const MappedFile> store;  ///< the file that holds the pixels, if one does
  std::vector<std::int32_t> labels;         ///< count, in [0, class_count)
  /// count x height x width, 255 on the object; empty if there is no ground truth.
  std::vector<std::uint8_t> masks;
  std::vector<FractionBox> boxes;    ///< count, around the object; empty if there are none
  std::vector<FractionPoint> parts;  ///< count x number of parts; empty if there are none
  /// count, SHA-256 of each image's pixels; empty if they are not known yet.
  std::vector<std::string> digests;
  /// The height, width and first byte, in `pixels` or `store`, of an image in a set whose images
  /// differ in size.
  struct Place {
    std::int64_t height, width, offset;
  };
  std::vector<Place> places;  ///< count; empty if all images have the same size

  /// The number of images.
  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
  /// Image `i`, in [0, count()).
  ImageView image(std::int64_t i) const {
    const Place place = places.empty() ? Place{height, width, i * height * width * 3}
                                       : places[static_cast<std::size_t>(i)];
    return {{(store ? store->bytes().data() : pixels.data()) + place.offset,
             static_cast<std::size_t>(place.height * place.width * 3)},
            place.height,
            place.width};
  }
};

/// The two splits of a data set.
struct Dataset {
  std::string name;   ///< as in --dataset
  std::string title;  ///< for people
  ImageSet train, test;
};

/// The images at `indices`, in that order.
ImageSet subset(const ImageSet& set, std::span<const std::int64_t> indices);

/// The indices of the first `limit` images in a class-balanced order: the first image of every
/// class, then the second of every class, and so on. `limit` 0 or above the count gives all, in
/// their own order.
std::vector<std::int64_t> balanced_indices(std::span<const std::int32_t> labels,
                                           std::int64_t class_count, std::int64_t limit);

/// The images of balanced_indices().
ImageSet limit_balanced(ImageSet set, std::int64_t limit);

/// The images of some classes, in their order; class classes[i] becomes class i.
ImageSet keep_classes(const ImageSet& set, std::span<const std::int64_t> classes);

/// SHA-256 of sizes, labels, pixels (by the SHA-256 of each image) and masks: identifies the
/// content and its order.
std::string fingerprint(const ImageSet& set);

}  // namespace lcr
