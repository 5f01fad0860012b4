// The loops of kernels.h, for the instruction set that the including file is compiled for. Include
// it in one source per form, with LCR_KERNELS_BYTES (of a vector) defined. It must not use inline
// functions of other headers: the linker could give their AVX-512 form to every caller.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lcr/model/kernels/arithmetic.h"
#include "lcr/model/kernels/kernels.h"

namespace lcr::kernels {
namespace {

constexpr std::int64_t kLanes = LCR_KERNELS_BYTES / 4;
/// Reductions run over tiles of kTileRows x kTileChannels, whose sums stay in the first cache.
constexpr std::int64_t kTileRows = 64, kTileChannels = 1024;
/// Rows that one pass over a tile's sums adds.
constexpr std::int64_t kPassRows = 2;

// GCC's and Clang's vectors: arithmetic per lane, without intrinsics.
using Floats [[gnu::vector_size(LCR_KERNELS_BYTES)]] = float;
using Words [[gnu::vector_size(LCR_KERNELS_BYTES)]] = std::uint32_t;
using Halves [[gnu::vector_size(LCR_KERNELS_BYTES / 2)]] = std::uint16_t;
using Bytes [[gnu::vector_size(LCR_KERNELS_BYTES / 4)]] = std::uint8_t;

// V is Floats, or float for the channels that do not fill a vector.
template <class V>
struct Integer {
  using Word = Words;
  using Half = Halves;
  using Byte = Bytes;
};
template <>
struct Integer<float> {
  using Word = std::uint32_t;
  using Half = std::uint16_t;
  using Byte = std::uint8_t;
};

template <class To, class From>
inline To read(const From* from) {
  To to;
  std::memcpy(&to, from, sizeof to);
  return to;
}

template <class To, class From>
inline To bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  return read<To>(&from);
}

template <class To, class From>
inline To convert(From from) {
  if constexpr (sizeof(From) <= 4 && !requires { from[0]; })
    return static_cast<To>(from);
  else
    return __builtin_convertvector(from, To);
}

template <class V>
inline V load(const float* from) {
  return read<V>(from);
}
template <class V>
inline V load(const Bfloat16* from) {
  using Word = typename Integer<V>::Word;
  return bits<V>(convert<Word>(read<typename Integer<V>::Half>(from)) << 16);
}

template <class V>
inline void store(float* to, V value) {
  std::memcpy(to, &value, sizeof value);
}
/// Rounds; nan stays nan.
template <class V>
inline void store(Bfloat16* to, V value) {
  using Word = typename Integer<V>::Word;
  const Word raw = bits<Word>(value);
  const Word rounded = bfloat16_of(raw), nan = raw * 0U + kBfloat16Nan;
  const auto half = convert<typename Integer<V>::Half>(value == value ? rounded : nan);
  std::memcpy(to, &half, sizeof half);
}

/// Calls body(V, channel) for all channels, in whole vectors while they last.
template <class Body>
inline void for_channels(std::int64_t channels, const Body& body) {
  std::int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) body(Floats{}, c);
  for (; c < channels; ++c) body(0.0F, c);
}

/// Calls body(V, channel, offset) for each number of a feature map, in order.
template <class Body>
inline void for_rows(Extent extent, const Body& body) {
  for (std::int64_t row = 0; row < extent.rows; ++row)
    for_channels(extent.channels,
                 [&](auto lanes, std::int64_t c) { body(lanes, c, row * extent.channels + c); });
}

template <class V>
inline void add(float* to, V value) {
  store(to, load<V>(to) + value);
}

/// Adds per-channel sums to `totals`. body(V, channel, offset, rows, sums) gets up to kPassRows
/// rows, the first at `offset`, and adds their sums for its channels to sums[0] to sums[count - 1],
/// which are vectors.
template <std::size_t count, class Body>
inline void for_tiles(Extent extent, double* const (&totals)[count], const Body& body) {
  const std::int64_t channels = extent.channels;
  for (std::int64_t top = 0; top < extent.rows; top += kTileRows) {
    const std::int64_t bottom = extent.rows - top < kTileRows ? extent.rows : top + kTileRows;
    for (std::int64_t left = 0; left < channels; left += kTileChannels) {
      const std::int64_t width = channels - left < kTileChannels ? channels - left : kTileChannels;
      float tile[count][kTileChannels] = {};
      for (std::int64_t row = top; row < bottom; row += kPassRows) {
        const std::int64_t rows = bottom - row < kPassRows ? bottom - row : kPassRows;
        for_channels(width, [&](auto lanes, std::int64_t c) {
          using V = decltype(lanes);
          V sums[count] = {};
          const std::int64_t at = row * channels + left + c;
          if (rows == kPassRows)  // a constant: the compiler unrolls the body's loop
            body(lanes, left + c, at, kPassRows, sums);
          else
            body(lanes, left + c, at, rows, sums);
          for (std::size_t i = 0; i < count; ++i) add(tile[i] + c, sums[i]);
        });
      }
      for (std::size_t i = 0; i < count; ++i)
        if (totals[i])
          for (std::int64_t c = 0; c < width; ++c)
            totals[i][left + c] += static_cast<double>(tile[i][c]);
    }
  }
}

template <class T>
void moments(const T* x, Extent extent, const float* origin, double* sum, double* square) {
  for_tiles<2>(extent, {sum, square},
               [&](auto lanes, std::int64_t c, std::int64_t at, std::int64_t rows, auto& sums) {
                 using V = decltype(lanes);
                 const V from = load<V>(origin + c);
                 for (std::int64_t r = 0; r < rows; ++r, at += extent.channels) {
                   const V d = load<V>(x + at) - from;
                   sums[0] += d;
                   sums[1] += d * d;
                 }
               });
}

template <class V, class T>
inline V affine_of(const T* x, Affine affine, std::int64_t c) {
  return affine_of(load<V>(x), load<V>(affine.scale + c), load<V>(affine.shift + c));
}

template <class T>
void apply(const T* x, Affine affine, const T* residual, T* y, Extent extent) {
  if (residual)
    for_rows(extent, [&](auto lanes, std::int64_t c, std::int64_t at) {
      using V = decltype(lanes);
      store(y + at, relu(affine_of<V>(x + at, affine, c) + load<V>(residual + at)));
    });
  else
    for_rows(extent, [&](auto lanes, std::int64_t c, std::int64_t at) {
      using V = decltype(lanes);
      store(y + at, relu(affine_of<V>(x + at, affine, c)));
    });
}

template <class T>
void join(const T* x, Affine affine, const T* x2, Affine affine2, T* y, Extent extent) {
  for_rows(extent, [&](auto lanes, std::int64_t c, std::int64_t at) {
    using V = decltype(lanes);
    store(y + at, relu(affine_of<V>(x + at, affine, c) + affine_of<V>(x2 + at, affine2, c)));
  });
}

template <class T>
void reduce(const T* dy, const T* x, Affine affine, const float* mean, Extent extent, double* sum,
            double* product) {
  for_tiles<2>(extent, {sum, product},
               [&](auto lanes, std::int64_t c, std::int64_t at, std::int64_t rows, auto& sums) {
                 using V = decltype(lanes);
                 const V m = load<V>(mean + c);
                 for (std::int64_t r = 0; r < rows; ++r, at += extent.channels) {
                   const V g = masked(load<V>(dy + at), affine_of<V>(x + at, affine, c));
                   sums[0] += g;
                   sums[1] += g * (load<V>(x + at) - m);
                 }
               });
}

template <class T>
void reduce_residual(const T* dy, const T* dy2, const T* y, const T* x, const float* mean,
                     const T* x2, const float* mean2, T* g, Extent extent, double* sum,
                     double* product, double* product2) {
  for_tiles<3>(extent, {sum, product, product2},
               [&](auto lanes, std::int64_t c, std::int64_t at, std::int64_t rows, auto& sums) {
                 using V = decltype(lanes);
                 for (std::int64_t r = 0; r < rows; ++r, at += extent.channels) {
                   V dense = load<V>(dy + at);
                   if (dy2) dense += load<V>(dy2 + at);
                   const V kept = masked(dense, load<V>(y + at));
                   store(g + at, kept);
                   sums[0] += kept;
                   sums[1] += kept * (load<V>(x + at) - load<V>(mean + c));
                   if (x2) sums[2] += kept * (load<V>(x2 + at) - load<V>(mean2 + c));
                 }
               });
}

template <class T>
void input_gradient(const T* g, const T* x, const float* mean, const float* abc, const Affine* mask,
                    T* dx, Extent extent) {
  const auto gradient = [&](auto dense, std::int64_t c, std::int64_t at) {
    using V = decltype(dense);
    const V centred = load<V>(x + at) - load<V>(mean + c);
    return input_gradient_of(dense, centred, load<V>(abc + c), load<V>(abc + extent.channels + c),
                             load<V>(abc + 2 * extent.channels + c));
  };
  if (mask)
    for_rows(extent, [&](auto lanes, std::int64_t c, std::int64_t at) {
      using V = decltype(lanes);
      const V kept = masked(load<V>(g + at), affine_of<V>(x + at, *mask, c));
      store(dx + at, gradient(kept, c, at));
    });
  else
    for_rows(extent, [&](auto lanes, std::int64_t c, std::int64_t at) {
      store(dx + at, gradient(load<decltype(lanes)>(g + at), c, at));
    });
}

template <class V>
inline void add_lanes(double* to, V value) {
  float lanes[sizeof(V) / sizeof(float)];
  std::memcpy(lanes, &value, sizeof value);
  for (std::size_t i = 0; i < sizeof(V) / sizeof(float); ++i)
    to[i] += static_cast<double>(lanes[i]);
}

template <class T>
void pool(const T* x, Affine affine, T* y, std::uint8_t* where, std::int64_t first,
          std::int64_t last, std::int64_t height, std::int64_t width, std::int64_t channels) {
  const std::int64_t rows = pooled(height), columns = pooled(width);
  for (std::int64_t row = first * rows; row < last * rows; ++row) {
    const std::int64_t image = row / rows, top = 2 * (row % rows) - 1;
    for (std::int64_t column = 0; column < columns; ++column) {
      const std::int64_t left = 2 * column - 1, out = (row * columns + column) * channels;
      for_channels(channels, [&](auto lanes, std::int64_t c) {
        using V = decltype(lanes);
        using Word = typename Integer<V>::Word;
        V best = zero<V>();
        Word place = bits<Word>(best) + kNowhere;
        for (std::int64_t i = 0; i < 3; ++i) {
          const std::int64_t h = top + i;
          if (h < 0 || h >= height) continue;
          for (std::int64_t j = 0; j < 3; ++j) {
            const std::int64_t w = left + j;
            if (w < 0 || w >= width) continue;
            const V value =
                affine_of<V>(x + ((image * height + h) * width + w) * channels + c, affine, c);
            // nan wins and stays, as in LibTorch: a comparison with it is false.
            const auto keep = (value <= best) | (best != best);
            best = keep ? best : value;
            place = keep ? place : bits<Word>(zero<V>()) + static_cast<std::uint32_t>(3 * i + j);
          }
        }
        store(y + out + c, best);
        if (where) {
          const auto byte = convert<typename Integer<V>::Byte>(place);
          std::memcpy(where + out + c, &byte, sizeof byte);
        }
      });
    }
  }
}

template <class T>
void pool_gradient(const T* dy, const std::uint8_t* where, const T* x, const float* mean, T* g,
                   std::int64_t first, std::int64_t last, std::int64_t height, std::int64_t width,
                   std::int64_t channels, double* sum, double* product) {
  const std::int64_t rows = pooled(height), columns = pooled(width);
  for (std::int64_t line = first * height; line < last * height; ++line) {
    const std::int64_t image = line / height, h = line % height;
    // The windows that contain row h: their indices are h / 2 to (h + 1) / 2.
    const std::int64_t last_row = (h + 1) / 2 < rows ? (h + 1) / 2 : rows - 1;
    for_channels(channels, [&](auto lanes, std::int64_t c) {
      using V = decltype(lanes);
      using Word = typename Integer<V>::Word;
      using Byte = typename Integer<V>::Byte;
      const V m = load<V>(mean + c);
      V s = zero<V>(), p = zero<V>();
      for (std::int64_t w = 0; w < width; ++w) {
        const std::int64_t last_column = (w + 1) / 2 < columns ? (w + 1) / 2 : columns - 1;
        V total = zero<V>();
        for (std::int64_t row = h / 2; row <= last_row; ++row)
          for (std::int64_t column = w / 2; column <= last_column; ++column) {
            const std::int64_t in = ((image * rows + row) * columns + column) * channels + c;
            const auto place =
                static_cast<std::uint32_t>(3 * (h - 2 * row + 1) + w - 2 * column + 1);
            const V dense = load<V>(dy + in);
            total += convert<Word>(read<Byte>(where + in)) == place ? dense : zero<V>();
          }
        const std::int64_t at = (line * width + w) * channels + c;
        store(g + at, total);
        s += total;
        p += total * (load<V>(x + at) - m);
      }
      add_lanes(sum + c, s);
      add_lanes(product + c, p);
    });
  }
}

void update(float* p, float* v, const float* g, float* average, std::int64_t n,
            const UpdateRule& rule) {
  for_channels(n, [&](auto lanes, std::int64_t i) {
    using V = decltype(lanes);
    V weight = load<V>(p + i);
    if (g) {
      const V step = next_velocity(load<V>(v + i), load<V>(g + i), weight, rule);
      store(v + i, step);
      weight -= step * rule.lr;
      store(p + i, weight);
    }
    if (average) store(average + i, next_average(load<V>(average + i), weight, rule));
  });
}

template <class T>
constexpr NormLoops<T> norm_loops() {
  return {.moments = moments<T>,
          .apply = apply<T>,
          .join = join<T>,
          .reduce = reduce<T>,
          .reduce_residual = reduce_residual<T>,
          .input_gradient = input_gradient<T>,
          .pool = pool<T>,
          .pool_gradient = pool_gradient<T>};
}

constexpr Kernels make_kernels(const char* name) {
  return {.name = name,
          .float32 = norm_loops<float>(),
          .bfloat16 = norm_loops<Bfloat16>(),
          .update = update,
          .weight_gradient = nullptr,
          .weight_gradient_space = nullptr,
          .multiply = nullptr,
          .multiply_space = nullptr,
          .pack_weights = nullptr};
}

}  // namespace
}  // namespace lcr::kernels
