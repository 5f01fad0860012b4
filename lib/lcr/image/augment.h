// The random views of contrastive learning and of the linear probe.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "lcr/base/rng.h"
#include "lcr/config/options.h"
#include "lcr/image/pixel_ops.h"

namespace lcr {

/// The distribution that views are drawn from.
struct ViewRecipe {
  /// The smallest crop as a share of the image's area. The largest is 1, the aspect 3/4 to 4/3.
  double crop_area_min = 0.2;
  double jitter_probability = 0, brightness = 0, contrast = 0, saturation = 0, hue = 0;
  double gray_probability = 0;
  double blur_probability = 0, blur_sigma_min = 0, blur_sigma_max = 0;
  double solarise_probability = 0;
  double flip_probability = 0.5;
  Interpolation interpolation = Interpolation::kBilinear;
  std::int64_t blur_kernel = 0;  ///< length of torchvision's kernel; 0: Pillow's blur
};

/// The training views that the options ask for; `view` 0 is the query, 1 the key. --augmentation
/// moco_v2 (Chen et al. 2020, which the paper uses unchanged): both alike. byol (Grill et al.
/// 2020): bicubic; the query view is always blurred, the key view is blurred with probability 0.1
/// and solarised with probability 0.2.
ViewRecipe training_recipe(const Options& options, int view);

/// The linear probe's views: crops of at least 0.08 of the area and flips (torchvision's and MoCo's
/// defaults), resized by --test-interpolation.
ViewRecipe probe_recipe(const Options& options);

/// Everything random about one view, drawn before any pixel is touched.
struct ViewParameters {
  Box crop;
  bool flip = false;
  bool jitter = false;
  /// The order of brightness (0), contrast (1), saturation (2) and hue (3).
  std::array<std::uint8_t, 4> jitter_order{0, 1, 2, 3};
  float brightness = 1, contrast = 1, saturation = 1;
  double hue = 0;
  bool gray = false;
  double blur_sigma = 0;  ///< 0: no blur
  bool solarise = false;
  Interpolation interpolation = Interpolation::kBilinear;
  std::int64_t blur_kernel = 0;  ///< length of torchvision's kernel; 0: Pillow's blur
};

/// Draws the parameters of a view of a height x width image: crop as torchvision's
/// RandomResizedCrop (ten tries, then the largest central crop of an allowed aspect), jitter, grey,
/// blur, flip, solarisation.
ViewParameters draw_view(CounterRng rng, std::int64_t height, std::int64_t width,
                         const ViewRecipe& recipe);

/// Renders a view in three stages (crop, resize and flip; colour; blur and solarisation) into out:
/// size x size x 3. The flip commutes with the later stages, which are symmetric, so it may come
/// first.
void render_view(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width,
                 const ViewParameters& view, std::int64_t size, std::span<std::uint8_t> out);

/// The size of an image in pixels.
struct ImageSize {
  std::int64_t height, width;
};

/// The size of an image after its short side is scaled to `side`; the long side is truncated, as in
/// torchvision.
ImageSize with_short_side(std::int64_t height, std::int64_t width, std::int64_t side);

/// The test transform: resizes the short side to `resize` pixels (0: to `size`) and crops the
/// centre to size x size.
struct TestTransform {
  std::int64_t resize = 0, size = 0;
  Interpolation interpolation = Interpolation::kBilinear;
};

/// The transform that --test-resize, --image-size and --test-interpolation ask for.
TestTransform test_transform(const Options& options);

/// Where the test transform crops: the image is resized to height x width, and the view's corner is
/// at (left, top) of it.
struct TestGeometry {
  std::int64_t height, width, top, left;
};

/// The geometry of render_test_view() for a height x width image.
TestGeometry test_geometry(std::int64_t height, std::int64_t width, const TestTransform& transform);

/// Renders the test transform of a height x width image into out: size x size x 3.
void render_test_view(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width,
                      const TestTransform& transform, std::span<std::uint8_t> out);

}  // namespace lcr
