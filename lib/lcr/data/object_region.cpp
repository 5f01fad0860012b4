#include "lcr/data/object_region.h"

#include "lcr/base/error.h"

namespace lcr {

std::string object_ground_truth(const ImageSet& images) {
  if (!images.masks.empty()) return "mask";
  return images.boxes.empty() ? "" : "box";
}

std::vector<std::uint8_t> object_region(const ImageSet& images, std::int64_t i,
                                        const TestTransform& transform) {
  const std::int64_t size = transform.size;
  std::vector<std::uint8_t> region(static_cast<std::size_t>(size * size));
  if (!images.masks.empty()) {
    // The mask goes through the images' own transform, as a grey image.
    const auto area = images.height * images.width;
    const std::uint8_t* mask = images.masks.data() + i * area;
    std::vector<std::uint8_t> gray(static_cast<std::size_t>(area * 3));
    std::vector<std::uint8_t> view(static_cast<std::size_t>(size * size * 3));
    for (std::int64_t p = 0; p < area * 3; ++p) gray[static_cast<std::size_t>(p)] = mask[p / 3];
    render_test_view(gray, images.height, images.width, transform, view);
    for (std::size_t p = 0; p < region.size(); ++p) region[p] = view[p * 3] >= 128;
    return region;
  }
  check_internal(!images.boxes.empty(), "an image set without ground truth");
  const ImageView image = images.image(i);
  const TestGeometry geometry = test_geometry(image.height, image.width, transform);
  const FractionBox& box = images.boxes[static_cast<std::size_t>(i)];
  const auto within = [](std::int64_t pixel, std::int64_t length, float low, float high) {
    const double centre = (static_cast<double>(pixel) + 0.5) / static_cast<double>(length);
    return centre >= low && centre < high;
  };
  for (std::int64_t y = 0; y < size; ++y)
    for (std::int64_t x = 0; x < size; ++x)
      region[static_cast<std::size_t>(y * size + x)] =
          within(geometry.top + y, geometry.height, box.top, box.bottom) &&
          within(geometry.left + x, geometry.width, box.left, box.right);
  return region;
}

}  // namespace lcr
