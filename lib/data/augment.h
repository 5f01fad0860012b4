// The random views of contrastive learning: MoCo v2's augmentation (Chen et al. 2020), which the paper uses unchanged.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "lcr/base/rng.h"
#include "lcr/data/pixel_ops.h"
#include "lcr/record/options.h"

namespace lcr {

/// Everything random about one view, drawn before any pixel is touched.
struct ViewParameters {
  Box crop;
  bool flip = false;
  bool jitter = false;
  std::array<std::uint8_t, 4> jitter_order{0, 1, 2, 3};  ///< of brightness, contrast, saturation, hue
  float brightness = 1, contrast = 1, saturation = 1;
  double hue = 0;
  bool gray = false;
  double blur_sigma = 0;  ///< 0: no blur
};

/// Draws the parameters of a view of a height x width image: crop as torchvision's RandomResizedCrop (ten tries, then the
/// largest central crop of an allowed aspect), jitter, grey, blur, flip.
ViewParameters draw_view(CounterRng rng, std::int64_t height, std::int64_t width, const Options& options);

/// Renders a view in three stages (crop, resize and flip; colour; blur) into out: size x size x 3.
/// The flip commutes with the later stages, which are symmetric, so it may come first.
void render_view(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width, const ViewParameters& view, std::int64_t size,
                 std::span<std::uint8_t> out);

/// The test transform: resize the short side to `resize` (0: to `size`), crop the centre to size x size.
void render_test_view(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width, std::int64_t resize, std::int64_t size,
                      std::span<std::uint8_t> out);

}  // namespace lcr
