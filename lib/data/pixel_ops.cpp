#include "lcr/data/pixel_ops.h"

#include <algorithm>
#include <cmath>

#include "lcr/base/error.h"

namespace lcr {
namespace {

std::uint8_t clip(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

/// ITU-R 601 luma in PIL's 16-bit fixed point.
int luma(const std::uint8_t* rgb) { return (rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16; }

/// PIL's blend of a value towards `base`: truncating within [0, 1], clipping beyond.
std::uint8_t blend(int base, int value, float factor) {
  const float mixed = static_cast<float>(base) + factor * static_cast<float>(value - base);
  if (mixed <= 0) return 0;
  if (mixed >= 255) return 255;
  return static_cast<std::uint8_t>(mixed);
}

/// For each output position of one axis: where its filter begins, and its fixed-point weights.
struct Taps {
  std::int64_t size = 0;  // weights an output position has room for
  std::vector<std::int64_t> first, count;
  std::vector<std::int32_t> weight;
};
constexpr int kPrecision = 32 - 8 - 2;

Taps bilinear_taps(std::int64_t in, std::int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out), filter_scale = std::max(scale, 1.0), support = filter_scale;
  Taps taps;
  taps.size = static_cast<std::int64_t>(std::ceil(support)) * 2 + 1;
  taps.weight.resize(static_cast<std::size_t>(out * taps.size));
  std::vector<double> raw(static_cast<std::size_t>(taps.size));
  for (std::int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(centre - support + 0.5), 0);
    const auto count = std::min<std::int64_t>(static_cast<std::int64_t>(centre + support + 0.5), in) - first;
    double sum = 0;
    for (std::int64_t k = 0; k < count; ++k) {
      const double distance = std::abs((static_cast<double>(k + first) - centre + 0.5) / filter_scale);
      raw[static_cast<std::size_t>(k)] = std::max(0.0, 1.0 - distance);
      sum += raw[static_cast<std::size_t>(k)];
    }
    for (std::int64_t k = 0; k < count; ++k)
      taps.weight[static_cast<std::size_t>(i * taps.size + k)] =
          static_cast<std::int32_t>(0.5 + raw[static_cast<std::size_t>(k)] / sum * (1 << kPrecision));
    taps.first.push_back(first);
    taps.count.push_back(count);
  }
  return taps;
}

}  // namespace

void crop_resize(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width, const Box& box, std::int64_t out_height,
                 std::int64_t out_width, std::span<std::uint8_t> out) {
  check_internal(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0 && box.x + box.width <= width && box.y + box.height <= height,
                 "crop outside the image");
  // Horizontal pass into 8 bits, then vertical: PIL's order, and its rounding in between.
  const Taps across = bilinear_taps(box.width, out_width), down = bilinear_taps(box.height, out_height);
  std::vector<std::uint8_t> middle(static_cast<std::size_t>(box.height * out_width * 3));
  for (std::int64_t y = 0; y < box.height; ++y) {
    const std::uint8_t* row = image.data() + ((box.y + y) * width + box.x) * 3;
    std::uint8_t* target = middle.data() + y * out_width * 3;
    for (std::int64_t x = 0; x < out_width; ++x) {
      const std::int32_t* weight = across.weight.data() + x * across.size;
      const std::uint8_t* source = row + across.first[static_cast<std::size_t>(x)] * 3;
      int sum[3] = {1 << (kPrecision - 1), 1 << (kPrecision - 1), 1 << (kPrecision - 1)};
      for (std::int64_t k = 0; k < across.count[static_cast<std::size_t>(x)]; ++k, source += 3)
        for (int channel = 0; channel < 3; ++channel) sum[channel] += source[channel] * weight[k];
      for (int channel = 0; channel < 3; ++channel) target[x * 3 + channel] = clip(sum[channel] >> kPrecision);
    }
  }
  std::vector<int> sum(static_cast<std::size_t>(out_width * 3));
  for (std::int64_t y = 0; y < out_height; ++y) {
    std::fill(sum.begin(), sum.end(), 1 << (kPrecision - 1));
    for (std::int64_t k = 0; k < down.count[static_cast<std::size_t>(y)]; ++k) {
      const std::int32_t weight = down.weight[static_cast<std::size_t>(y * down.size + k)];
      const std::uint8_t* row = middle.data() + (down.first[static_cast<std::size_t>(y)] + k) * out_width * 3;
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += row[i] * weight;
    }
    std::uint8_t* target = out.data() + y * out_width * 3;
    for (std::size_t i = 0; i < sum.size(); ++i) target[i] = clip(sum[i] >> kPrecision);
  }
}

void flip_horizontal(std::span<std::uint8_t> image, std::int64_t width) {
  for (std::size_t row = 0; row < image.size(); row += static_cast<std::size_t>(width) * 3)
    for (std::int64_t left = 0, right = width - 1; left < right; ++left, --right)
      std::swap_ranges(&image[row + static_cast<std::size_t>(left) * 3], &image[row + static_cast<std::size_t>(left) * 3] + 3,
                       &image[row + static_cast<std::size_t>(right) * 3]);
}

void adjust_brightness(std::span<std::uint8_t> image, float factor) {
  for (auto& value : image) value = blend(0, value, factor);
}

void adjust_contrast(std::span<std::uint8_t> image, float factor) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < image.size(); i += 3) sum += luma(&image[i]);
  const int grey = static_cast<int>(static_cast<double>(sum) / static_cast<double>(image.size() / 3) + 0.5);
  for (auto& value : image) value = blend(grey, value, factor);
}

void adjust_saturation(std::span<std::uint8_t> image, float factor) {
  for (std::size_t i = 0; i < image.size(); i += 3) {
    const int grey = luma(&image[i]);
    for (std::size_t channel = 0; channel < 3; ++channel) image[i + channel] = blend(grey, image[i + channel], factor);
  }
}

void adjust_hue(std::span<std::uint8_t> image, double shift) {
  const auto offset = static_cast<std::uint8_t>(static_cast<int>(shift * 255));  // truncates toward 0, then wraps, as PIL's callers do
  for (std::size_t i = 0; i < image.size(); i += 3) {
    const int r = image[i], g = image[i + 1], b = image[i + 2];
    const int high = std::max({r, g, b}), low = std::min({r, g, b});
    // To HSV in 8 bits.
    std::uint8_t hue = 0, saturation = 0;
    if (high != low) {
      const auto range = static_cast<float>(high - low);
      const float rc = static_cast<float>(high - r) / range, gc = static_cast<float>(high - g) / range, bc = static_cast<float>(high - b) / range;
      float h = r == high ? bc - gc : g == high ? 2.0F + rc - bc : 4.0F + gc - rc;
      h = static_cast<float>(std::fmod(h / 6.0 + 1.0, 1.0));
      hue = clip(static_cast<int>(h * 255.0));
      saturation = clip(static_cast<int>(range / static_cast<float>(high) * 255.0));
    }
    hue = static_cast<std::uint8_t>(hue + offset);
    // And back.
    if (saturation == 0) {
      image[i] = image[i + 1] = image[i + 2] = static_cast<std::uint8_t>(high);
      continue;
    }
    const double sector = hue * 6.0 / 255.0;
    const int index = static_cast<int>(std::floor(sector));
    const auto fraction = static_cast<float>(sector - index);
    const float s = static_cast<float>(saturation) / 255.0F;
    const auto level = [&](float part) { return clip(static_cast<int>(std::lround(static_cast<float>(high) * (1.0F - part)))); };
    const std::uint8_t v = static_cast<std::uint8_t>(high), p = level(s), q = level(s * fraction), t = level(s * (1.0F - fraction));
    const std::uint8_t table[6][3] = {{v, t, p}, {q, v, p}, {p, v, t}, {p, q, v}, {t, p, v}, {v, p, q}};
    std::copy_n(table[index % 6], 3, &image[i]);
  }
}

void to_gray(std::span<std::uint8_t> image) {
  for (std::size_t i = 0; i < image.size(); i += 3) image[i] = image[i + 1] = image[i + 2] = static_cast<std::uint8_t>(luma(&image[i]));
}

void gaussian_blur(std::span<std::uint8_t> image, std::int64_t height, std::int64_t width, double sigma) {
  // Radius of the box whose threefold application has variance sigma^2; its fraction weighs one more pixel at both ends
  // (Gwosdek et al. 2011).
  constexpr int kPasses = 3;
  const double variance = sigma * sigma / kPasses;
  const double whole = std::floor((std::sqrt(12.0 * variance + 1.0) - 1.0) / 2.0);
  const double fraction = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance) / (6 * (variance - (whole + 1) * (whole + 1)));
  const auto box_radius = static_cast<float>(whole + fraction);
  const auto radius = static_cast<std::int64_t>(box_radius);
  const auto inner = static_cast<std::uint32_t>((1 << 24) / (box_radius * 2 + 1));
  const std::uint32_t outer = ((1u << 24) - static_cast<std::uint32_t>(radius * 2 + 1) * inner) / 2;
  if (inner == 1u << 24) return;

  std::vector<std::uint8_t> line, blurred;
  const auto blur_lines = [&](std::int64_t lines, std::int64_t length, std::int64_t line_step, std::int64_t step) {
    line.resize(static_cast<std::size_t>(length) * 3);
    blurred.resize(line.size());
    for (std::int64_t l = 0; l < lines; ++l) {
      std::uint8_t* start = image.data() + l * line_step;
      for (std::int64_t i = 0; i < length; ++i) std::copy_n(start + i * step, 3, &line[static_cast<std::size_t>(i) * 3]);
      for (int pass = 0; pass < kPasses; ++pass) {
        for (int channel = 0; channel < 3; ++channel) {
          const auto at = [&](std::int64_t i) -> std::uint32_t {
            return line[static_cast<std::size_t>(std::clamp<std::int64_t>(i, 0, length - 1) * 3 + channel)];
          };
          std::uint32_t sum = 0;  // of the whole pixels around i
          for (std::int64_t i = -radius; i <= radius; ++i) sum += at(i);
          for (std::int64_t i = 0; i < length; ++i) {
            const std::uint32_t value = sum * inner + (at(i - radius - 1) + at(i + radius + 1)) * outer + (1u << 23);
            blurred[static_cast<std::size_t>(i * 3 + channel)] = static_cast<std::uint8_t>(value >> 24);
            sum += at(i + radius + 1) - at(i - radius);
          }
        }
        std::swap(line, blurred);
      }
      for (std::int64_t i = 0; i < length; ++i) std::copy_n(&line[static_cast<std::size_t>(i) * 3], 3, start + i * step);
    }
  };
  blur_lines(height, width, width * 3, 3);
  blur_lines(width, height, 3, width * 3);
}

}  // namespace lcr
