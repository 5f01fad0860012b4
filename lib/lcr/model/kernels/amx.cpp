// The loops for AVX-512, and products of bfloat16 matrices on AMX's tiles. The build sets the
// compiler's flags.
#ifdef __AMX_BF16__
#include <immintrin.h>

#define LCR_KERNELS_BYTES 64
#include "lcr/model/kernels/loops.h"

namespace lcr::kernels {
namespace {

// A tile is 16 rows of 64 bytes: 16 x 16 float32 numbers, or 16 x 32 bfloat16 numbers, which count
// as 16 x 16 pairs. A product of tiles adds A (rows x positions) times B (positions x columns),
// where a row of B holds the two positions of a pair side by side: B[p][column] = (2 p, 2 p + 1).
constexpr std::int64_t kTileRows16 = 16, kTileDepth = 32;
constexpr std::int64_t kTileNumbers = kTileRows16 * kTileDepth;
constexpr std::int64_t kTileBytesPerRow = 64;

struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

/// The tiles' shapes, set for as long as this lives.
class Tiles {
 public:
  Tiles() {
    TileConfiguration shapes;
    for (int tile = 0; tile < 8; ++tile) {
      shapes.row_bytes[tile] = kTileBytesPerRow;
      shapes.rows[tile] = kTileRows16;
    }
    _tile_loadconfig(&shapes);
  }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
  ~Tiles() { _tile_release(); }
};

/// Adds A B to four tiles of C, 32 x 32 numbers with `stride` numbers per row. a, b: `depth` tiles
/// of the first 16 rows (columns), followed by as many of the other 16. fresh: C starts from 0.
void multiply_add(const Bfloat16* a, const Bfloat16* b, std::int64_t depth, float* c,
                  std::int64_t stride, bool fresh) {
  float* const below = c + kTileRows16 * stride;
  const auto bytes = static_cast<std::size_t>(stride) * sizeof(float);
  if (fresh) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, c, bytes);
    _tile_loadd(1, c + 16, bytes);
    _tile_loadd(2, below, bytes);
    _tile_loadd(3, below + 16, bytes);
  }
  for (std::int64_t t = 0; t < depth; ++t) {
    _tile_loadd(4, a + t * kTileNumbers, kTileBytesPerRow);
    _tile_loadd(6, b + t * kTileNumbers, kTileBytesPerRow);
    _tile_loadd(7, b + (depth + t) * kTileNumbers, kTileBytesPerRow);
    _tile_loadd(5, a + (depth + t) * kTileNumbers, kTileBytesPerRow);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, bytes);
  _tile_stored(1, c + 16, bytes);
  _tile_stored(2, below, bytes);
  _tile_stored(3, below + 16, bytes);
}

/// 16 numbers of two positions, as pairs.
inline __m512i pairs(const Bfloat16* even, const Bfloat16* odd) {
  const auto widen = [](const Bfloat16* from) {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  };
  return _mm512_or_si512(widen(even), _mm512_slli_epi32(widen(odd), 16));
}

/// Transposes 16 x 16 words.
inline void transpose(__m512i (&r)[16]) {
  __m512i t[16];
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; ++i) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  // Now r[4 i + j] holds words j, 4 + j, 8 + j, 12 + j of rows 4 i to 4 i + 3, a quarter each.
  constexpr int kEven = 0x88, kOdd = 0xdd;
  for (int j = 0; j < 4; ++j) {
    const __m512i even01 = _mm512_shuffle_i32x4(r[j], r[4 + j], kEven);
    const __m512i even23 = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], kEven);
    const __m512i odd01 = _mm512_shuffle_i32x4(r[j], r[4 + j], kOdd);
    const __m512i odd23 = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], kOdd);
    t[j] = _mm512_shuffle_i32x4(even01, even23, kEven);
    t[8 + j] = _mm512_shuffle_i32x4(even01, even23, kOdd);
    t[4 + j] = _mm512_shuffle_i32x4(odd01, odd23, kEven);
    t[12 + j] = _mm512_shuffle_i32x4(odd01, odd23, kOdd);
  }
  for (int i = 0; i < 16; ++i) r[i] = t[i];
}

alignas(64) const Bfloat16 kZeros[kTileDepth] = {};

/// Positions that one pass over the outputs sums: its part of x and dy stays in the second cache.
constexpr std::int64_t kPassPositions = 512;

struct WeightGradientSpace {
  Bfloat16* dy;           ///< A: kPassPositions x the output channels
  Bfloat16* x;            ///< B: kPassPositions x 32
  std::int64_t* sources;  ///< where in x each position's row begins; -1: outside

  WeightGradientSpace(void* memory, std::int64_t outputs)
      : dy(static_cast<Bfloat16*>(memory)),
        x(dy + kPassPositions * outputs),
        sources(reinterpret_cast<std::int64_t*>(x + kPassPositions * 32)) {}
};

std::int64_t weight_gradient_space(std::int64_t outputs) {
  return kPassPositions * (2 * (outputs + 32) + static_cast<std::int64_t>(sizeof(std::int64_t)));
}

void weight_gradient(const Bfloat16* x, const Bfloat16* dy, float* dw, const ConvolutionShape& s,
                     std::int64_t first, std::int64_t last, void* memory) {
  const Tiles tiles;
  const WeightGradientSpace space(memory, last - first);
  const std::int64_t all = s.images * s.rows * s.columns, padding = s.kernel / 2;
  const std::int64_t row_of_dw = s.kernel * s.kernel * s.in;
  for (std::int64_t start = 0; start < all; start += kPassPositions) {
    const std::int64_t positions = all - start < kPassPositions ? all - start : kPassPositions;
    const std::int64_t depth = (positions + kTileDepth - 1) / kTileDepth;
    for (std::int64_t t = 0; t < depth; ++t)
      for (std::int64_t m = first; m < last; m += kTileRows16) {
        __m512i block[16];
        for (std::int64_t p = 0; p < 16; ++p) {
          const std::int64_t at = t * kTileDepth + 2 * p;
          const Bfloat16* const row = dy + (start + at) * s.out + m;
          block[p] =
              pairs(at < positions ? row : kZeros, at + 1 < positions ? row + s.out : kZeros);
        }
        transpose(block);
        Bfloat16* const to = space.dy + ((m - first) / kTileRows16 * depth + t) * kTileNumbers;
        for (std::int64_t p = 0; p < 16; ++p) _mm512_store_si512(to + p * kTileDepth, block[p]);
      }
    for (std::int64_t place = 0; place < s.kernel * s.kernel; ++place) {
      std::int64_t column = start % s.columns, row = start / s.columns % s.rows,
                   image = start / s.columns / s.rows;
      for (std::int64_t i = 0; i < depth * kTileDepth; ++i) {
        const std::int64_t h = row * s.stride + place / s.kernel - padding;
        const std::int64_t w = column * s.stride + place % s.kernel - padding;
        const bool inside = i < positions && h >= 0 && h < s.height && w >= 0 && w < s.width;
        space.sources[i] = inside ? ((image * s.height + h) * s.width + w) * s.in : -1;
        if (++column < s.columns) continue;
        column = 0;
        if (++row < s.rows) continue;
        row = 0;
        ++image;
      }
      for (std::int64_t n = 0; n < s.in; n += 32) {
        for (std::int64_t p = 0; p < depth * 16; ++p) {
          const std::int64_t even = space.sources[2 * p], odd = space.sources[2 * p + 1];
          const Bfloat16* const a = even < 0 ? kZeros : x + even + n;
          const Bfloat16* const b = odd < 0 ? kZeros : x + odd + n;
          _mm512_store_si512(space.x + p * kTileDepth, pairs(a, b));
          _mm512_store_si512(space.x + (depth * 16 + p) * kTileDepth, pairs(a + 16, b + 16));
        }
        for (std::int64_t m = first; m < last; m += 32)
          multiply_add(space.dy + (m - first) / kTileRows16 * depth * kTileNumbers, space.x, depth,
                       dw + m * row_of_dw + place * s.in + n, row_of_dw, start == 0);
      }
    }
  }
}

/// 16 float32 numbers as bfloat16, one per word.
inline __m512i round16(const float* from) {
  return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from)));
}

void pack_weights(const float* weights, std::int64_t out, std::int64_t in, bool transposed,
                  Bfloat16* packed) {
  const std::int64_t columns = transposed ? in : out, sums = transposed ? out : in;
  for (std::int64_t n = 0; n < columns; n += 16)
    for (std::int64_t k = 0; k < sums; k += kTileDepth, packed += kTileNumbers) {
      __m512i block[16];
      for (std::int64_t i = 0; i < 16; ++i)
        if (transposed) {
          const float* const even = weights + (k + 2 * i) * in + n;
          block[i] = _mm512_or_si512(round16(even), _mm512_slli_epi32(round16(even + in), 16));
        } else {
          const float* const row = weights + (n + i) * in + k;
          block[i] = (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(row + 16), _mm512_loadu_ps(row));
        }
      if (!transposed) transpose(block);
      for (std::int64_t i = 0; i < 16; ++i) _mm512_store_si512(packed + i * kTileDepth, block[i]);
    }
}

/// Rows of x that are packed at a time: they stay in the second cache.
std::int64_t rows_at_once(std::int64_t rows, std::int64_t in) {
  constexpr std::int64_t kNumbers = 192 * 1024;
  const std::int64_t fitting = kNumbers / in / 32 * 32, all = (rows + 31) / 32 * 32;
  const std::int64_t most = fitting < 32 ? 32 : fitting;
  return all < most ? all : most;
}

std::int64_t multiply_space(std::int64_t rows, std::int64_t in) {
  return rows_at_once(rows, in) * in * static_cast<std::int64_t>(sizeof(Bfloat16));
}

void multiply(const Bfloat16* x, const Bfloat16* packed, Bfloat16* y, std::int64_t rows,
              std::int64_t in, std::int64_t out, void* memory) {
  const Tiles tiles;
  auto* const a = static_cast<Bfloat16*>(memory);
  const std::int64_t depth = in / kTileDepth, step = rows_at_once(rows, in);
  alignas(64) float c[32 * 32];
  for (std::int64_t top = 0; top < rows; top += step) {
    const std::int64_t count = rows - top < step ? rows - top : step;
    for (std::int64_t row = 0; row < (count + 31) / 32 * 32; ++row) {
      Bfloat16* const to = a + row / 16 * 16 * in + row % 16 * kTileDepth;
      for (std::int64_t t = 0; t < depth; ++t)
        _mm512_store_si512(
            to + t * kTileNumbers,
            _mm512_loadu_si512(row < count ? x + (top + row) * in + t * kTileDepth : kZeros));
    }
    for (std::int64_t n = 0; n < out; n += 32)
      for (std::int64_t row = 0; row < count; row += 32) {
        multiply_add(a + row * in, packed + n * in, depth, c, 32, true);
        const std::int64_t left = count - row < 32 ? count - row : 32;
        for (std::int64_t i = 0; i < left; ++i)
          _mm512_storeu_si512(y + (top + row + i) * out + n,
                              (__m512i)_mm512_cvtne2ps_pbh(_mm512_load_ps(c + i * 32 + 16),
                                                           _mm512_load_ps(c + i * 32)));
      }
  }
}

}  // namespace

constinit const Kernels kAmx = [] {
  Kernels form = make_kernels("amx");
  form.weight_gradient_space = weight_gradient_space;
  form.weight_gradient = weight_gradient;
  form.pack_weights = pack_weights;
  form.multiply_space = multiply_space;
  form.multiply = multiply;
  return form;
}();

}  // namespace lcr::kernels
#endif
