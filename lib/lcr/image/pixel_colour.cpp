// Operations on the colour of pixels.
#include <algorithm>
#include <array>

#include "lcr/image/pixel_math.h"
#include "lcr/image/pixel_ops.h"
#include "lcr/image/vectorised.h"

namespace lcr {
namespace {

/// Replaces every value by table[value].
void map_values(std::span<std::uint8_t> image, const std::array<std::uint8_t, 256>& table) {
  for (auto& value : image) value = table[value];
}

std::array<std::uint8_t, 256> blend_table(int base, float factor) {
  std::array<std::uint8_t, 256> table;
  for (int value = 0; value < 256; ++value)
    table[static_cast<std::size_t>(value)] = static_cast<std::uint8_t>(blend(base, value, factor));
  return table;
}

LCR_VECTORISED std::int64_t luma_sum(const std::uint8_t* image, std::int64_t pixels) {
  std::int64_t total = 0;
  for (std::int64_t start = 0; start < pixels; start += 4096) {
    std::int32_t sum = 0;
    const std::int64_t end = std::min<std::int64_t>(pixels, start + 4096);
    for (std::int64_t i = start; i < end; ++i)
      sum += luma(image[i * 3], image[i * 3 + 1], image[i * 3 + 2]);
    total += sum;
  }
  return total;
}

/// Colours in planes: interleaved pixels do not vectorise well.
constexpr std::int64_t kBlock = 512;
struct Planes {
  std::array<std::int32_t, kBlock> r, g, b;
};

LCR_VECTORISED void saturate(Planes& p, float factor) {
  for (std::size_t i = 0; i < kBlock; ++i) {
    const int grey = luma(p.r[i], p.g[i], p.b[i]);
    p.r[i] = blend(grey, p.r[i], factor);
    p.g[i] = blend(grey, p.g[i], factor);
    p.b[i] = blend(grey, p.b[i], factor);
  }
}

/// hue_weight() of every hue and channel.
struct HueWeights {
  std::array<std::array<float, 256>, 3> of_channel;
  HueWeights() {
    for (int channel = 0; channel < 3; ++channel)
      for (int hue = 0; hue < 256; ++hue)
        of_channel[static_cast<std::size_t>(channel)][static_cast<std::size_t>(hue)] =
            hue_weight(hue, channel);
  }
};

LCR_VECTORISED void shift_hues(Planes& p, int offset, const HueWeights& weights) {
  const float* red = weights.of_channel[0].data();
  const float* green = weights.of_channel[1].data();
  const float* blue = weights.of_channel[2].data();
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto [hue, saturation] = hue_saturation(p.r[i], p.g[i], p.b[i]);
    const int value = larger(larger(p.r[i], p.g[i]), p.b[i]);
    const int shifted = (hue + offset) & 255;
    p.r[i] = channel_of(value, saturation, red[shifted]);
    p.g[i] = channel_of(value, saturation, green[shifted]);
    p.b[i] = channel_of(value, saturation, blue[shifted]);
  }
}

LCR_VECTORISED void split_planes(const std::uint8_t* image, std::int64_t count, Planes& planes) {
  for (std::int64_t i = 0; i < count; ++i) {
    planes.r[static_cast<std::size_t>(i)] = image[i * 3];
    planes.g[static_cast<std::size_t>(i)] = image[i * 3 + 1];
    planes.b[static_cast<std::size_t>(i)] = image[i * 3 + 2];
  }
}

LCR_VECTORISED void join_planes(const Planes& planes, std::int64_t count, std::uint8_t* image) {
  for (std::int64_t i = 0; i < count; ++i) {
    image[i * 3] = static_cast<std::uint8_t>(planes.r[static_cast<std::size_t>(i)]);
    image[i * 3 + 1] = static_cast<std::uint8_t>(planes.g[static_cast<std::size_t>(i)]);
    image[i * 3 + 2] = static_cast<std::uint8_t>(planes.b[static_cast<std::size_t>(i)]);
  }
}

/// Applies `operation` to the image, one block of planes at a time.
template <typename Operation>
void by_planes(std::span<std::uint8_t> image, Operation&& operation) {
  Planes planes{};
  const auto pixels = static_cast<std::int64_t>(image.size() / 3);
  for (std::int64_t start = 0; start < pixels; start += kBlock) {
    const std::int64_t count = std::min(kBlock, pixels - start);
    split_planes(image.data() + start * 3, count, planes);
    operation(planes);
    join_planes(planes, count, image.data() + start * 3);
  }
}

}  // namespace

void adjust_brightness(std::span<std::uint8_t> image, float factor) {
  map_values(image, blend_table(0, factor));
}

void adjust_contrast(std::span<std::uint8_t> image, float factor) {
  const auto pixels = static_cast<std::int64_t>(image.size() / 3);
  map_values(image, blend_table(mean_luma(luma_sum(image.data(), pixels), pixels), factor));
}

void adjust_saturation(std::span<std::uint8_t> image, float factor) {
  by_planes(image, [&](Planes& planes) { saturate(planes, factor); });
}

void adjust_hue(std::span<std::uint8_t> image, double shift) {
  static const HueWeights weights;
  const int offset = hue_offset(shift);
  by_planes(image, [&](Planes& planes) { shift_hues(planes, offset, weights); });
}

void to_gray(std::span<std::uint8_t> image) {
  for (std::size_t i = 0; i < image.size(); i += 3)
    image[i] = image[i + 1] = image[i + 2] =
        static_cast<std::uint8_t>(luma(image[i], image[i + 1], image[i + 2]));
}

void solarise(std::span<std::uint8_t> image) {
  for (auto& value : image) value = static_cast<std::uint8_t>(solarise(int{value}));
}

}  // namespace lcr
