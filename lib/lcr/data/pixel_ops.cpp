#include "lcr/data/pixel_ops.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <cstring>

#include "lcr/base/error.h"
#include "lcr/data/pixel_math.h"

// The hot loops are compiled twice, and the faster version is chosen when the program starts: AVX2
// makes them 2 to 4 times faster. Both compute the same bytes. Sanitizers do not support this.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LCR_VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define LCR_VECTORISED
#endif

namespace lcr {
namespace {

/// For each output position of one axis: where its filter begins, and its weights.
struct Taps {
  std::int64_t room = 0;  ///< space for weights per output position
  std::vector<std::int64_t> first, count;
  std::vector<std::int32_t> weight;
};

Taps make_taps(std::int64_t in, std::int64_t out, bool bicubic) {
  const ResizeAxis axis = resize_axis(in, out, bicubic);
  Taps taps;
  taps.room = resize_taps(axis);
  taps.weight.resize(static_cast<std::size_t>(out * taps.room));
  for (std::int64_t i = 0; i < out; ++i) {
    std::int64_t first = 0;
    taps.count.push_back(resize_weights(axis, i, first, taps.weight.data() + i * taps.room));
    taps.first.push_back(first);
  }
  return taps;
}

constexpr std::int64_t kRowsAtOnce = 4;

/// Resizes four rows side by side: `rows` holds, for each column, the R, G, B and an unused byte of
/// each of the four. Writes out_width pixels to each of the four rows of `out`, which are
/// `out_step` bytes apart.
void resize_rows_plain(const std::uint8_t* rows, const Taps& taps, std::int64_t out_width,
                       std::uint8_t* out, std::int64_t out_step) {
  for (std::int64_t x = 0; x < out_width; ++x) {
    const std::int32_t* weight = taps.weight.data() + x * taps.room;
    const std::uint8_t* source = rows + taps.first[static_cast<std::size_t>(x)] * 4 * kRowsAtOnce;
    const std::int64_t count = taps.count[static_cast<std::size_t>(x)];
    for (std::int64_t row = 0; row < kRowsAtOnce; ++row)
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        std::int32_t sum = 1 << (kResizePrecision - 1);
        for (std::int64_t k = 0; k < count; ++k)
          sum += source[(k * kRowsAtOnce + row) * 4 + channel] * weight[k];
        out[row * out_step + x * 3 + channel] =
            static_cast<std::uint8_t>(clip_byte(sum >> kResizePrecision));
      }
  }
}

#ifdef __x86_64__
/// The same with AVX2: GCC does not find these instructions by itself. This loop is the hottest.
__attribute__((target("avx2"))) void resize_rows_avx2(const std::uint8_t* rows, const Taps& taps,
                                                      std::int64_t out_width, std::uint8_t* out,
                                                      std::int64_t out_step) {
  for (std::int64_t x = 0; x < out_width; ++x) {
    const std::int32_t* weight = taps.weight.data() + x * taps.room;
    const std::uint8_t* source = rows + taps.first[static_cast<std::size_t>(x)] * 4 * kRowsAtOnce;
    const std::int64_t count = taps.count[static_cast<std::size_t>(x)];
    __m256i upper = _mm256_set1_epi32(1 << (kResizePrecision - 1));
    __m256i lower = upper;
    for (std::int64_t k = 0; k < count; ++k, source += 4 * kRowsAtOnce) {
      const __m256i w = _mm256_set1_epi32(weight[k]);
      const __m128i pixels = _mm_loadu_si128(reinterpret_cast<const __m128i*>(source));
      upper = _mm256_add_epi32(upper, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(pixels), w));
      lower = _mm256_add_epi32(
          lower, _mm256_mullo_epi32(_mm256_cvtepu8_epi32(_mm_srli_si128(pixels, 8)), w));
    }
    // To bytes, clipped. Packing works within halves: the rows come out in the order 0, 2, 1, 3.
    const __m256i words = _mm256_packs_epi32(_mm256_srai_epi32(upper, kResizePrecision),
                                             _mm256_srai_epi32(lower, kResizePrecision));
    const __m256i bytes = _mm256_packus_epi16(words, words);
    const std::int32_t row[kRowsAtOnce] = {
        _mm256_extract_epi32(bytes, 0), _mm256_extract_epi32(bytes, 4),
        _mm256_extract_epi32(bytes, 1), _mm256_extract_epi32(bytes, 5)};
    for (std::int64_t r = 0; r < kRowsAtOnce; ++r)
      std::memcpy(out + r * out_step + x * 3, &row[r], 3);
  }
}

bool has_avx2() {
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
}
#endif

void resize_rows(const std::uint8_t* rows, const Taps& taps, std::int64_t out_width,
                 std::uint8_t* out, std::int64_t out_step) {
#ifdef __x86_64__
  if (has_avx2()) return resize_rows_avx2(rows, taps, out_width, out, out_step);
#endif
  resize_rows_plain(rows, taps, out_width, out, out_step);
}

/// Puts up to four rows of an image side by side, as resize_rows() reads them; the last row
/// replaces missing ones.
void interleave_rows(const std::uint8_t* rows, std::int64_t step, std::int64_t count,
                     std::int64_t width, std::uint8_t* out) {
  const std::uint8_t* row[kRowsAtOnce];
  for (std::int64_t r = 0; r < kRowsAtOnce; ++r) row[r] = rows + std::min(r, count - 1) * step;
  for (std::int64_t x = 0; x + 1 < width; ++x)
    for (std::int64_t r = 0; r < kRowsAtOnce; ++r, out += 4)
      std::memcpy(out, row[r] + x * 3, 4);  // the fourth byte is the next pixel's
  for (std::int64_t r = 0; r < kRowsAtOnce; ++r, out += 4)
    std::memcpy(out, row[r] + (width - 1) * 3, 3);
}

/// One output row from `count` rows of `width` bytes.
LCR_VECTORISED void resize_column(const std::uint8_t* rows, std::int64_t width,
                                  const std::int32_t* weight, std::int64_t count,
                                  std::int32_t* __restrict sum, std::uint8_t* __restrict out) {
  for (std::int64_t i = 0; i < width; ++i) sum[i] = 1 << (kResizePrecision - 1);
  for (std::int64_t k = 0; k < count; ++k, rows += width) {
    const std::int32_t w = weight[k];
    for (std::int64_t i = 0; i < width; ++i) sum[i] += rows[i] * w;
  }
  for (std::int64_t i = 0; i < width; ++i)
    out[i] = static_cast<std::uint8_t>(clip_byte(sum[i] >> kResizePrecision));
}

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

/// Computes out[i] from in[i - r - 1 ... i + r + 1], `step` bytes apart, for i in [0, length).
LCR_VECTORISED void box_blur_line(const std::uint8_t* __restrict in, std::int64_t step,
                                  std::int64_t length, BoxBlur box, std::uint8_t* __restrict out) {
  const std::int64_t reach = (box.radius + 1) * step;
  if (box.radius == 0) {  // the common case for small sigma
    for (std::int64_t i = 0; i < length; ++i)
      out[i] =
          box_blur_value(box, in[i], static_cast<std::uint32_t>(in[i - reach] + in[i + reach]));
  } else if (box.radius == 1) {
    for (std::int64_t i = 0; i < length; ++i)
      out[i] = box_blur_value(box, static_cast<std::uint32_t>(in[i - step] + in[i] + in[i + step]),
                              static_cast<std::uint32_t>(in[i - reach] + in[i + reach]));
  } else {
    for (std::int64_t i = 0; i < length; ++i) {
      std::uint32_t whole = 0;
      for (std::int64_t k = -box.radius; k <= box.radius; ++k) whole += in[i + k * step];
      out[i] =
          box_blur_value(box, whole, static_cast<std::uint32_t>(in[i - reach] + in[i + reach]));
    }
  }
}

}  // namespace

void crop_resize(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width,
                 const Box& box, std::int64_t out_height, std::int64_t out_width,
                 std::span<std::uint8_t> out, Interpolation interpolation) {
  check_internal(box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0 &&
                     box.x + box.width <= width && box.y + box.height <= height,
                 "crop outside the image");
  // Horizontal pass into 8 bits, then vertical pass: PIL's order, with its rounding in between.
  const bool bicubic = interpolation == Interpolation::kBicubic;
  const Taps across = make_taps(box.width, out_width, bicubic);
  const Taps down = make_taps(box.height, out_height, bicubic);
  const std::int64_t row_bytes = out_width * 3;
  const std::int64_t padded_height = (box.height + kRowsAtOnce - 1) / kRowsAtOnce * kRowsAtOnce;
  std::vector<std::uint8_t> middle(static_cast<std::size_t>(padded_height * row_bytes));
  std::vector<std::uint8_t> four(static_cast<std::size_t>(box.width * 4 * kRowsAtOnce));
  for (std::int64_t y = 0; y < box.height; y += kRowsAtOnce) {
    const std::uint8_t* rows = image.data() + ((box.y + y) * width + box.x) * 3;
    const std::int64_t row_count = std::min(kRowsAtOnce, box.height - y);
    interleave_rows(rows, width * 3, row_count, box.width, four.data());
    resize_rows(four.data(), across, out_width, middle.data() + y * row_bytes, row_bytes);
  }
  std::vector<std::int32_t> sum(static_cast<std::size_t>(row_bytes));
  for (std::int64_t y = 0; y < out_height; ++y) {
    const auto at = static_cast<std::size_t>(y);
    const std::uint8_t* rows = middle.data() + down.first[at] * row_bytes;
    const std::int32_t* weight = down.weight.data() + y * down.room;
    resize_column(rows, row_bytes, weight, down.count[at], sum.data(), out.data() + y * row_bytes);
  }
}

void flip_horizontal(std::span<std::uint8_t> image, std::int64_t width) {
  for (std::size_t row = 0; row < image.size(); row += static_cast<std::size_t>(width) * 3)
    for (std::int64_t left = 0, right = width - 1; left < right; ++left, --right)
      std::swap_ranges(&image[row + static_cast<std::size_t>(left) * 3],
                       &image[row + static_cast<std::size_t>(left) * 3] + 3,
                       &image[row + static_cast<std::size_t>(right) * 3]);
}

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

void gaussian_blur(std::span<std::uint8_t> image, std::int64_t height, std::int64_t width,
                   double sigma) {
  const BoxBlur box = box_blur(sigma);
  if (is_identity(box)) return;
  const std::int64_t margin = box.radius + 1;
  const std::int64_t row_bytes = width * 3;
  // Rows: each one extended by copies of its end pixels.
  std::vector<std::uint8_t> line(static_cast<std::size_t>(row_bytes + 2 * margin * 3));
  for (std::int64_t y = 0; y < height; ++y) {
    std::uint8_t* row = image.data() + y * row_bytes;
    std::uint8_t* middle = line.data() + margin * 3;
    for (int pass = 0; pass < kBlurPasses; ++pass) {
      std::memcpy(middle, row, static_cast<std::size_t>(row_bytes));
      for (std::int64_t i = 0; i < margin; ++i) {
        std::memcpy(line.data() + i * 3, row, 3);
        std::memcpy(middle + row_bytes + i * 3, row + row_bytes - 3, 3);
      }
      box_blur_line(middle, 3, row_bytes, box, row);
    }
  }
  // Columns: a whole row at once, from a copy of the image with its first and last row repeated.
  std::vector<std::uint8_t> copy(static_cast<std::size_t>((height + 2 * margin) * row_bytes));
  for (int pass = 0; pass < kBlurPasses; ++pass) {
    std::memcpy(copy.data() + margin * row_bytes, image.data(),
                static_cast<std::size_t>(height * row_bytes));
    for (std::int64_t i = 0; i < margin; ++i) {
      std::memcpy(copy.data() + i * row_bytes, image.data(), static_cast<std::size_t>(row_bytes));
      std::memcpy(copy.data() + (margin + height + i) * row_bytes,
                  image.data() + (height - 1) * row_bytes, static_cast<std::size_t>(row_bytes));
    }
    for (std::int64_t y = 0; y < height; ++y)
      box_blur_line(copy.data() + (margin + y) * row_bytes, row_bytes, row_bytes, box,
                    image.data() + y * row_bytes);
  }
}

void gaussian_blur_by_kernel(std::span<std::uint8_t> image, std::int64_t height, std::int64_t width,
                             const GaussianKernel& kernel) {
  check_internal(std::min(height, width) > kernel.reach, "an image smaller than the blur's kernel");
  const std::int64_t row = width * 3;
  std::vector<std::uint32_t> across(static_cast<std::size_t>(height * row));
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t i = 0; i < row; ++i)
      across[static_cast<std::size_t>(y * row + i)] =
          kernel_sum(kernel, image.data() + y * row + i % 3, 3, i / 3, width);
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t i = 0; i < row; ++i) {
      const auto at = [&](std::int64_t place) {
        return std::uint64_t{
            across[static_cast<std::size_t>(mirror_position(place, height) * row + i)]};
      };
      std::uint64_t sum = kernel.weight[0] * at(y);
      for (int k = 1; k <= kernel.reach; ++k) sum += kernel.weight[k] * (at(y - k) + at(y + k));
      image[static_cast<std::size_t>(y * row + i)] = kernel_blur_value(sum);
    }
}

}  // namespace lcr
