// Cropping, resizing and mirroring.
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <algorithm>
#include <cstring>

#include "lcr/base/error.h"
#include "lcr/image/pixel_math.h"
#include "lcr/image/pixel_ops.h"
#include "lcr/image/vectorised.h"

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

}  // namespace lcr
