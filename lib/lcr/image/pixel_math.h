// The arithmetic of one pixel in every image operation, PIL's rounding included: one set of
// functions for the CPU's loops and the CUDA kernels, so that both give the same bytes. Both are
// compiled without fused multiply-add.
#pragma once

#include <cmath>
#include <cstdint>

#include "lcr/base/host_device.h"

namespace lcr {

LCR_HOST_DEVICE int larger(int a, int b) { return a > b ? a : b; }
LCR_HOST_DEVICE int smaller(int a, int b) { return a < b ? a : b; }
LCR_HOST_DEVICE int clip_byte(int value) { return smaller(larger(value, 0), 255); }

/// ITU-R 601 luma in PIL's 16-bit fixed point.
LCR_HOST_DEVICE int luma(int r, int g, int b) {
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

/// PIL's blend, base + factor * (value - base): truncated within [0, 255], clipped outside.
LCR_HOST_DEVICE int blend(int base, int value, float factor) {
  const float mixed = static_cast<float>(base) + factor * static_cast<float>(value - base);
  if (mixed <= 0) return 0;
  if (mixed >= 255) return 255;
  return static_cast<int>(mixed);
}

/// The mean grey level of an image from the sum of its luma, rounded as PIL's ImageStat does.
LCR_HOST_DEVICE int mean_luma(std::int64_t sum, std::int64_t pixels) {
  return static_cast<int>(static_cast<double>(sum) / static_cast<double>(pixels) + 0.5);
}

/// The hue shift in steps of the 8-bit colour circle; truncates, then wraps, as PIL's callers do.
LCR_HOST_DEVICE int hue_offset(double shift) { return static_cast<int>(shift * 255) & 255; }

/// A colour's hue and saturation in 8-bit HSV (the value is the largest of R, G and B).
struct HueSaturation {
  int hue, saturation;
};

/// RGB to 8-bit HSV. All cases are computed and then one is selected, so that loops over it
/// vectorise. Grey gives 0, 0.
LCR_HOST_DEVICE HueSaturation hue_saturation(int r, int g, int b) {
  const int high = larger(larger(r, g), b);
  const int low = smaller(smaller(r, g), b);
  const float range = static_cast<float>(larger(high - low, 1));
  const float rc = static_cast<float>(high - r) / range;
  const float gc = static_cast<float>(high - g) / range;
  const float bc = static_cast<float>(high - b) / range;
  // PIL adds in double and stores floats: one rounding, not two.
  const float from_red = bc - gc;
  const float from_green = static_cast<float>(2.0 + rc - bc);
  const float from_blue = static_cast<float>(4.0 + gc - rc);
  const float not_red = g == high ? from_green : from_blue;
  // In [5/6, 11/6]: its fraction is the hue.
  const double turned = (r == high ? from_red : not_red) / 6.0 + 1.0;
  const double less = turned - 1.0;
  const auto circle = static_cast<float>(turned >= 1.0 ? less : turned);
  const float saturation = static_cast<float>(high - low) / static_cast<float>(larger(high, 1));
  return {clip_byte(static_cast<int>(circle * 255.0)),
          clip_byte(static_cast<int>(saturation * 255.0))};
}

/// The weight, 0 to 1, by which an 8-bit hue lowers a channel (0: R, 1: G, 2: B): the channel is
/// value * (1 - saturation * weight). It is 0, f, 1 or 1 - f, f being the sector's fractional part.
LCR_HOST_DEVICE float hue_weight(int hue, int channel) {
  const double sector = hue * 6.0 / 255.0;
  const int index = static_cast<int>(sector);
  const auto fraction = static_cast<float>(sector - index);
  switch ((index + 6 - 2 * channel) % 6) {  // as if the channel were red
    case 0:
    case 5: return 0.0F;
    case 1: return fraction;
    case 4: return 1.0F - fraction;
    default: return 1.0F;
  }
}

/// A channel of the colour with this 8-bit value, 8-bit saturation and hue weight; rounds half up.
LCR_HOST_DEVICE int channel_of(int value, int saturation, float weight) {
  const float level =
      static_cast<float>(value) * (1.0F - static_cast<float>(saturation) / 255.0F * weight);
  // In double, where adding 0.5 is exact.
  return clip_byte(static_cast<int>(static_cast<double>(level) + 0.5));
}

/// Inverts bright values (BYOL's solarisation, threshold 128).
LCR_HOST_DEVICE int solarise(int value) { return value < 128 ? value : 255 - value; }

// PIL's antialiased resampling: each output position of an axis is a weighted sum of `count` input
// positions starting at `first`, with weights in fixed point.

/// Fractional bits of the weights.
constexpr int kResizePrecision = 32 - 8 - 2;

/// One axis of a resize.
struct ResizeAxis {
  double scale;         ///< input positions per output position
  double filter_scale;  ///< the scale, but at least 1
  double support;       ///< half the filter's width, in input positions
  std::int64_t in;      ///< input positions
  bool bicubic;         ///< else bilinear
};

LCR_HOST_DEVICE ResizeAxis resize_axis(std::int64_t in, std::int64_t out, bool bicubic) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double filter_scale = scale > 1.0 ? scale : 1.0;
  return {scale, filter_scale, filter_scale * (bicubic ? 2.0 : 1.0), in, bicubic};
}

/// The most weights that one output position needs.
LCR_HOST_DEVICE std::int64_t resize_taps(const ResizeAxis& axis) {
  return static_cast<std::int64_t>(std::ceil(axis.support)) * 2 + 1;
}

/// The unnormalised filter at `distance` from the centre, in units of the filter scale.
LCR_HOST_DEVICE double resize_filter(double distance, bool bicubic) {
  const double x = distance < 0 ? -distance : distance;
  if (!bicubic) return x < 1.0 ? 1.0 - x : 0.0;
  constexpr double a = -0.5;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

/// Writes the weights of output position i and their first input position; returns their number.
LCR_HOST_DEVICE std::int64_t resize_weights(const ResizeAxis& axis, std::int64_t i,
                                            std::int64_t& first, std::int32_t* weights) {
  const double centre = (static_cast<double>(i) + 0.5) * axis.scale;
  const auto begin = static_cast<std::int64_t>(centre - axis.support + 0.5);
  const auto end = static_cast<std::int64_t>(centre + axis.support + 0.5);
  first = begin > 0 ? begin : 0;
  const std::int64_t count = (end < axis.in ? end : axis.in) - first;
  const double step = 1.0 / axis.filter_scale;
  double sum = 0;
  for (std::int64_t k = 0; k < count; ++k)
    sum += resize_filter((static_cast<double>(k + first) - centre + 0.5) * step, axis.bicubic);
  for (std::int64_t k = 0; k < count; ++k) {
    const double weight =
        resize_filter((static_cast<double>(k + first) - centre + 0.5) * step, axis.bicubic) / sum;
    weights[k] =
        static_cast<std::int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kResizePrecision));
  }
  return count;
}

// PIL's Gaussian blur: three box blurs along each axis, with a box whose threefold application has
// variance sigma^2. The box's fractional part is the weight of one more pixel at each end (Gwosdek
// et al. 2011).
constexpr int kBlurPasses = 3;

struct BoxBlur {
  int radius;           ///< whole pixels on each side
  std::uint32_t inner;  ///< weight of each whole pixel, in 1/2^24
  std::uint32_t outer;  ///< weight of each of the two end pixels, in 1/2^24
};

/// The box for a Gaussian of standard deviation sigma (pixels).
LCR_HOST_DEVICE BoxBlur box_blur(double sigma) {
  const double variance = sigma * sigma / kBlurPasses;
  const double whole = std::floor((std::sqrt(12.0 * variance + 1.0) - 1.0) / 2.0);
  const double fraction = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance) /
                          (6 * (variance - (whole + 1) * (whole + 1)));
  const auto size = static_cast<float>(whole + fraction);
  const int radius = static_cast<int>(size);
  const auto inner = static_cast<std::uint32_t>((1 << 24) / (size * 2 + 1));
  const std::uint32_t outer = ((1u << 24) - static_cast<std::uint32_t>(radius * 2 + 1) * inner) / 2;
  return {radius, inner, outer};
}

/// Whether the box leaves every image unchanged.
LCR_HOST_DEVICE bool is_identity(const BoxBlur& box) { return box.inner == 1u << 24; }

/// One output value from the sum of the whole pixels and the sum of the two ends.
LCR_HOST_DEVICE std::uint8_t box_blur_value(const BoxBlur& box, std::uint32_t whole,
                                            std::uint32_t ends) {
  return static_cast<std::uint8_t>((whole * box.inner + ends * box.outer + (1u << 23)) >> 24);
}

// torchvision's Gaussian blur: a normalised Gaussian of a given length along each axis; the image
// is mirrored at its edges, without repeating the edge. Integers, so that the order of the sums
// does not matter; torchvision sums in float32, which gives another byte only where the exact value
// is within about 2e-4 of a half.
constexpr int kMaxKernelReach = 51;  ///< on each side of the centre

struct GaussianKernel {
  int reach;
  /// Of the pixels at distance 0 to `reach`, in 1/2^24; both sides add up to 2^24.
  std::uint32_t weight[kMaxKernelReach + 1];
};

/// The kernel of standard deviation sigma (pixels, at least 0.01) over `length` pixels, an odd
/// number.
inline GaussianKernel gaussian_kernel(double sigma, std::int64_t length) {
  GaussianKernel kernel{};
  kernel.reach = static_cast<int>(length / 2);
  double value[kMaxKernelReach + 1], sum = 0;
  for (int i = 0; i <= kernel.reach; ++i) {
    value[i] = std::exp(-0.5 * (i / sigma) * (i / sigma));
    sum += i == 0 ? value[i] : 2 * value[i];
  }
  kernel.weight[0] = 1u << 24;
  for (int i = 1; i <= kernel.reach; ++i) {
    kernel.weight[i] = static_cast<std::uint32_t>(value[i] / sum * (1 << 24) + 0.5);
    kernel.weight[0] -= 2 * kernel.weight[i];
  }
  return kernel;
}

/// The position that a position outside [0, length) mirrors; at most length - 1 outside.
LCR_HOST_DEVICE std::int64_t mirror_position(std::int64_t at, std::int64_t length) {
  if (at < 0) return -at;
  return at < length ? at : 2 * (length - 1) - at;
}

/// The weighted sum of a line's bytes around position `at`; step: between neighbours.
LCR_HOST_DEVICE std::uint32_t kernel_sum(const GaussianKernel& kernel, const std::uint8_t* line,
                                         std::int64_t step, std::int64_t at, std::int64_t length) {
  std::uint32_t sum = kernel.weight[0] * line[at * step];
  for (int i = 1; i <= kernel.reach; ++i)
    sum += kernel.weight[i] * (std::uint32_t{line[mirror_position(at - i, length) * step]} +
                               std::uint32_t{line[mirror_position(at + i, length) * step]});
  return sum;
}

/// The output byte of a sum over both axes, in 1/2^48.
LCR_HOST_DEVICE std::uint8_t kernel_blur_value(std::uint64_t sum) {
  return static_cast<std::uint8_t>((sum + (std::uint64_t{1} << 47)) >> 48);
}

}  // namespace lcr
