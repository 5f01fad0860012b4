// Image operations with the arithmetic of PIL (Pillow), 8 bits a channel, rounding included: what
// torchvision's transforms, and so the paper's, compute. Images are height x width x 3, RGB, rows
// contiguous.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lcr {

/// A rectangle in pixels.
struct Box {
  std::int64_t x = 0, y = 0, width = 0, height = 0;
};

enum class Interpolation { kBilinear, kBicubic };

/// Cuts `box` out of an image and resizes it to out_height x out_width by PIL's antialiased filter.
void crop_resize(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width,
                 const Box& box, std::int64_t out_height, std::int64_t out_width,
                 std::span<std::uint8_t> out,
                 Interpolation interpolation = Interpolation::kBilinear);

void flip_horizontal(std::span<std::uint8_t> image, std::int64_t width);

// The colour operations of torchvision's ColorJitter on PIL images; a factor of 1 (a hue shift of
// 0) leaves the image as it is.
void adjust_brightness(std::span<std::uint8_t> image, float factor);
void adjust_contrast(std::span<std::uint8_t> image, float factor);
void adjust_saturation(std::span<std::uint8_t> image, float factor);
/// `shift` in [-0.5, 0.5] of the colour circle.
void adjust_hue(std::span<std::uint8_t> image, double shift);
void to_gray(std::span<std::uint8_t> image);
/// Inverts values of 128 and more.
void solarise(std::span<std::uint8_t> image);

/// PIL's Gaussian blur: three extended box blurs along each axis that together have the standard
/// deviation `sigma` (pixels).
void gaussian_blur(std::span<std::uint8_t> image, std::int64_t height, std::int64_t width,
                   double sigma);

}  // namespace lcr
