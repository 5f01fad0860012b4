// Image operations with the arithmetic of PIL (Pillow), 8 bits per channel, rounding included, as
// in torchvision's and hence the paper's transforms. Images are height x width x 3, RGB, row-major.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lcr/image/pixel_math.h"

namespace lcr {

/// A rectangle in pixels.
struct Box {
  std::int64_t x = 0, y = 0, width = 0, height = 0;
};

enum class Interpolation { kBilinear, kBicubic };

/// Cuts `box` out of an image and resizes it to out_height x out_width with PIL's antialiased
/// filter. `box` must lie within the image. out: out_height x out_width x 3.
void crop_resize(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width,
                 const Box& box, std::int64_t out_height, std::int64_t out_width,
                 std::span<std::uint8_t> out,
                 Interpolation interpolation = Interpolation::kBilinear);

/// Mirrors the image, left to right.
void flip_horizontal(std::span<std::uint8_t> image, std::int64_t width);

// The colour operations of torchvision's ColorJitter on PIL images, in place; a factor of 1 (a hue
// shift of 0) leaves the image unchanged.
void adjust_brightness(std::span<std::uint8_t> image, float factor);
void adjust_contrast(std::span<std::uint8_t> image, float factor);
void adjust_saturation(std::span<std::uint8_t> image, float factor);
/// `shift`: as a fraction of the colour circle, in [-0.5, 0.5].
void adjust_hue(std::span<std::uint8_t> image, double shift);
/// Sets all three channels to the luma.
void to_gray(std::span<std::uint8_t> image);
/// Inverts values of 128 and more.
void solarise(std::span<std::uint8_t> image);

/// PIL's Gaussian blur: three extended box blurs along each axis that together have the standard
/// deviation `sigma` (pixels).
void gaussian_blur(std::span<std::uint8_t> image, std::int64_t height, std::int64_t width,
                   double sigma);
/// torchvision's Gaussian blur; the image must be larger than the kernel's reach on both axes.
void gaussian_blur_by_kernel(std::span<std::uint8_t> image, std::int64_t height, std::int64_t width,
                             const GaussianKernel& kernel);

}  // namespace lcr
