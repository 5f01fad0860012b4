// Batch norm with what follows it, for a device with thousands of threads: what the CUDA kernels
// run. Plain C++17 without LibTorch, so that nvcc compiles it and the tests run the same functions
// on the CPU, thread by thread. The arithmetic is the CPU loops' (arithmetic.h); sums are taken in
// another order, which depends on the shape alone.
#pragma once

#include <cstring>
#include <type_traits>

#include "lcr/model/kernels/norm_channels.h"

namespace lcr::kernels::device {

/// Threads of a block.
inline constexpr int kThreads = 256;
/// What a thread reads and writes at once, where the channels allow it.
inline constexpr int kWideBytes = 16;

/// How a feature map (rows x channels; `groups` equal parts of consecutive rows) is cut: a block
/// has `across` x `lanes` channels side by side and `part_rows` rows of one group, and its threads
/// above each other take every (kThreads / across)th row.
struct Tiling {
  std::int64_t group_rows, groups, channels;
  std::int64_t part_rows, parts;  ///< of each group
  int lanes;                      ///< channels of a thread: as many as kWideBytes hold, or 1
  int across;                     ///< threads side by side: a power of 2, at most 32
  std::int64_t tiles;             ///< blocks side by side
};

/// rows: a multiple of groups.
inline Tiling make_tiling(std::int64_t rows, std::int64_t groups, std::int64_t channels,
                          Number number) {
  const auto divided = [](std::int64_t a, std::int64_t b) { return (a - 1) / b + 1; };
  const int wide = kWideBytes / (number == Number::kFloat ? 4 : 2);
  Tiling tiling{};
  tiling.group_rows = rows / groups;
  tiling.groups = groups;
  tiling.channels = channels;
  tiling.lanes = channels % wide == 0 ? wide : 1;
  tiling.across = 1;
  while (tiling.across < 32 && tiling.across * tiling.lanes < channels) tiling.across *= 2;
  tiling.tiles = divided(channels, static_cast<std::int64_t>(tiling.across) * tiling.lanes);
  // Enough blocks for the largest GPUs, as long as each thread has a few rows.
  constexpr std::int64_t kBlocks = 1024, kLeastRows = 4;
  const std::int64_t least = kLeastRows * (kThreads / tiling.across);
  const std::int64_t wanted = divided(kBlocks, tiling.tiles * groups);
  const std::int64_t most = divided(tiling.group_rows, least);
  tiling.part_rows = divided(tiling.group_rows, wanted < most ? wanted : most);
  tiling.parts = divided(tiling.group_rows, tiling.part_rows);
  return tiling;
}

/// Consecutive channels of one row.
template <int N>
struct Lanes {
  float value[N];
  LCR_HOST_DEVICE float& operator[](int i) { return value[i]; }
  LCR_HOST_DEVICE float operator[](int i) const { return value[i]; }
};

/// As one access of memory.
template <class T, int N>
struct alignas(sizeof(T) * N) Packed {
  T value[N];
};

LCR_HOST_DEVICE void from_float(float x, float& to) { to = x; }
LCR_HOST_DEVICE void from_float(float x, Bfloat16& to) {
  std::uint32_t raw;
  memcpy(&raw, &x, sizeof raw);
  to = static_cast<Bfloat16>(x == x ? bfloat16_of(raw) : kBfloat16Nan);
}

template <class T, int N>
LCR_HOST_DEVICE Lanes<N> load(const void* from, std::int64_t at) {
  const auto packed = *reinterpret_cast<const Packed<T, N>*>(static_cast<const T*>(from) + at);
  Lanes<N> lanes;
  for (int i = 0; i < N; ++i) lanes[i] = to_float(packed.value[i]);
  return lanes;
}

template <class T, int N>
LCR_HOST_DEVICE void store(void* to, std::int64_t at, const Lanes<N>& lanes) {
  Packed<T, N> packed;
  for (int i = 0; i < N; ++i) from_float(lanes[i], packed.value[i]);
  *reinterpret_cast<Packed<T, N>*>(static_cast<T*>(to) + at) = packed;
}

/// Per-channel numbers: float32 without the alignment of a wide access.
template <int N>
LCR_HOST_DEVICE Lanes<N> load_channels(const float* from, std::int64_t at) {
  Lanes<N> lanes;
  for (int i = 0; i < N; ++i) lanes[i] = from[at + i];
  return lanes;
}

/// The channels [channel, channel + N) of a group, where one thread works.
struct Place {
  const Tiling& tiling;
  std::int64_t group, channel;
  LCR_HOST_DEVICE std::int64_t at(std::int64_t row) const {
    return row * tiling.channels + channel;
  }
};

/// A batch norm's entries (norm_channels.h).
struct NormView {
  float* values;
  template <int N>
  LCR_HOST_DEVICE Lanes<N> load(const Place& place, NormEntry entry) const {
    return load_channels<N>(values,
                            entry_at(place.group, entry, place.tiling.channels) + place.channel);
  }
};

/// A batch norm's scale and shift there.
template <int N>
struct Affines {
  Lanes<N> scale, shift;
  LCR_HOST_DEVICE Affines(const NormView& norm, const Place& p)
      : scale(norm.load<N>(p, kScale)), shift(norm.load<N>(p, kShift)) {}
  LCR_HOST_DEVICE float of(float x, int i) const { return affine_of(x, scale[i], shift[i]); }
};

// ---- The operations over feature maps
// ------------------------------------------------------------ Each has kSums per-channel sums (0:
// none), what a thread keeps of its channels (Channels), and what it does with one row, which may
// add to the sums.

/// sum(x - origin) and sum((x - origin)^2); the origin is the group's first row.
struct FindMoments {
  static constexpr int kSums = 2;
  const void* x;

  template <class T, int N>
  struct Channels {
    Lanes<N> origin;
    LCR_HOST_DEVICE Channels(const FindMoments& op, const Place& p)
        : origin(device::load<T, N>(op.x, p.at(p.group * p.tiling.group_rows))) {}
  };
  template <class T, int N>
  LCR_HOST_DEVICE void row(const Channels<T, N>& keep, const Place& p, std::int64_t row,
                           Lanes<N> (&sums)[kSums]) const {
    const auto values = load<T, N>(x, p.at(row));
    for (int i = 0; i < N; ++i) {
      const float d = values[i] - keep.origin[i];
      sums[0][i] += d;
      sums[1][i] += d * d;
    }
  }
};

/// y = relu(norm(x) + residual); residual may be null, y may be x.
struct Apply {
  static constexpr int kSums = 0;
  const void* x;
  NormView norm;
  const void* residual;
  void* y;

  template <class T, int N>
  struct Channels {
    Affines<N> affine;
    LCR_HOST_DEVICE Channels(const Apply& op, const Place& p) : affine(op.norm, p) {}
  };
  template <class T, int N>
  LCR_HOST_DEVICE void row(const Channels<T, N>& keep, const Place& p, std::int64_t row,
                           Lanes<N>* /*sums*/) const {
    auto values = load<T, N>(x, p.at(row));
    Lanes<N> other{};
    if (residual) other = load<T, N>(residual, p.at(row));
    for (int i = 0; i < N; ++i) {
      const float normalised = keep.affine.of(values[i], i);
      values[i] = relu(residual ? normalised + other[i] : normalised);
    }
    store<T, N>(y, p.at(row), values);
  }
};

/// y = relu(norm(x) + norm2(x2)); y may be x.
struct Join {
  static constexpr int kSums = 0;
  const void* x;
  NormView norm;
  const void* x2;
  NormView norm2;
  void* y;

  template <class T, int N>
  struct Channels {
    Affines<N> affine, affine2;
    LCR_HOST_DEVICE Channels(const Join& op, const Place& p)
        : affine(op.norm, p), affine2(op.norm2, p) {}
  };
  template <class T, int N>
  LCR_HOST_DEVICE void row(const Channels<T, N>& keep, const Place& p, std::int64_t row,
                           Lanes<N>* /*sums*/) const {
    auto values = load<T, N>(x, p.at(row));
    const auto others = load<T, N>(x2, p.at(row));
    for (int i = 0; i < N; ++i)
      values[i] = relu(keep.affine.of(values[i], i) + keep.affine2.of(others[i], i));
    store<T, N>(y, p.at(row), values);
  }
};

/// Backward of relu(norm(x)): the sums of g and of g (x - mean), with g = dy where norm(x) > 0.
struct Reduce {
  static constexpr int kSums = 2;
  const void* dy;
  const void* x;
  NormView norm;

  template <class T, int N>
  struct Channels {
    Affines<N> affine;
    Lanes<N> mean;
    LCR_HOST_DEVICE Channels(const Reduce& op, const Place& p)
        : affine(op.norm, p), mean(op.norm.load<N>(p, kMean)) {}
  };
  template <class T, int N>
  LCR_HOST_DEVICE void row(const Channels<T, N>& keep, const Place& p, std::int64_t row,
                           Lanes<N> (&sums)[kSums]) const {
    const auto values = load<T, N>(x, p.at(row)), dense = load<T, N>(dy, p.at(row));
    for (int i = 0; i < N; ++i) {
      const float g = masked(dense[i], keep.affine.of(values[i], i));
      sums[0][i] += g;
      sums[1][i] += g * (values[i] - keep.mean[i]);
    }
  }
};

/// Backward of y = relu(norm(x) + ...): writes g = dy + dy2 where y > 0, and sums g, g (x - mean)
/// and g (x2 - mean2). dy2 and x2 may be null.
struct ReduceResidual {
  static constexpr int kSums = 3;
  const void* dy;
  const void* dy2;
  const void* y;
  const void* x;
  NormView norm;
  const void* x2;
  NormView norm2;
  void* g;

  template <class T, int N>
  struct Channels {
    Lanes<N> mean, mean2{};
    LCR_HOST_DEVICE Channels(const ReduceResidual& op, const Place& p)
        : mean(op.norm.load<N>(p, kMean)) {
      if (op.x2) mean2 = op.norm2.load<N>(p, kMean);
    }
  };
  template <class T, int N>
  LCR_HOST_DEVICE void row(const Channels<T, N>& keep, const Place& p, std::int64_t row,
                           Lanes<N> (&sums)[kSums]) const {
    auto dense = load<T, N>(dy, p.at(row));
    if (dy2) {
      const auto more = load<T, N>(dy2, p.at(row));
      for (int i = 0; i < N; ++i) dense[i] += more[i];
    }
    const auto result = load<T, N>(y, p.at(row)), values = load<T, N>(x, p.at(row));
    for (int i = 0; i < N; ++i) {
      dense[i] = masked(dense[i], result[i]);
      sums[0][i] += dense[i];
      sums[1][i] += dense[i] * (values[i] - keep.mean[i]);
    }
    if (x2) {
      const auto others = load<T, N>(x2, p.at(row));
      for (int i = 0; i < N; ++i) sums[2][i] += dense[i] * (others[i] - keep.mean2[i]);
    }
    store<T, N>(g, p.at(row), dense);
  }
};

/// dx = a g + b (x - mean) + c; abc: groups x 3 x channels. With `only_positive`, g counts where
/// norm(x) > 0. dx may be g.
struct InputGradient {
  static constexpr int kSums = 0;
  const void* g;
  const void* x;
  NormView norm;
  const float* abc;
  bool only_positive;
  void* dx;

  template <class T, int N>
  struct Channels {
    Affines<N> affine;
    Lanes<N> mean, a, b, c;
    LCR_HOST_DEVICE Channels(const InputGradient& op, const Place& p)
        : affine(op.norm, p),
          mean(op.norm.load<N>(p, kMean)),
          a(load_channels<N>(op.abc, p.group * 3 * p.tiling.channels + p.channel)),
          b(load_channels<N>(op.abc, (p.group * 3 + 1) * p.tiling.channels + p.channel)),
          c(load_channels<N>(op.abc, (p.group * 3 + 2) * p.tiling.channels + p.channel)) {}
  };
  template <class T, int N>
  LCR_HOST_DEVICE void row(const Channels<T, N>& keep, const Place& p, std::int64_t row,
                           Lanes<N>* /*sums*/) const {
    auto dense = load<T, N>(g, p.at(row));
    const auto values = load<T, N>(x, p.at(row));
    for (int i = 0; i < N; ++i) {
      if (only_positive) dense[i] = masked(dense[i], keep.affine.of(values[i], i));
      dense[i] =
          input_gradient_of(dense[i], values[i] - keep.mean[i], keep.a[i], keep.b[i], keep.c[i]);
    }
    store<T, N>(dx, p.at(row), dense);
  }
};

/// y = max_pool(relu(norm(x))), 3x3, stride 2, padding 1. A row of the tiling is a position of y.
/// `where` gets the maximum's place in its window, 0 to 8, or kNowhere; it may be null.
struct Pool {
  static constexpr int kSums = 0;
  const void* x;
  NormView norm;
  void* y;
  std::uint8_t* where;
  std::int64_t height, width;  ///< of x

  template <class T, int N>
  struct Channels {
    Affines<N> affine;
    LCR_HOST_DEVICE Channels(const Pool& op, const Place& p) : affine(op.norm, p) {}
  };
  template <class T, int N>
  LCR_HOST_DEVICE void row(const Channels<T, N>& keep, const Place& p, std::int64_t row,
                           Lanes<N>* /*sums*/) const {
    const std::int64_t rows = pooled(height), columns = pooled(width);
    const std::int64_t image = row / (rows * columns), position = row % (rows * columns);
    const std::int64_t top = 2 * (position / columns) - 1, left = 2 * (position % columns) - 1;
    Lanes<N> best{};
    Packed<std::uint8_t, N> place;
    for (int i = 0; i < N; ++i) place.value[i] = kNowhere;
    for (std::int64_t h = top < 0 ? 0 : top; h < top + 3 && h < height; ++h)
      for (std::int64_t w = left < 0 ? 0 : left; w < left + 3 && w < width; ++w) {
        const auto values = load<T, N>(x, p.at((image * height + h) * width + w));
        for (int i = 0; i < N; ++i) {
          const float value = keep.affine.of(values[i], i);
          // nan wins and stays, as in LibTorch: a comparison with it is false.
          if (value <= best[i] || best[i] != best[i]) continue;
          best[i] = value;
          place.value[i] = static_cast<std::uint8_t>(3 * (h - top) + w - left);
        }
      }
    store<T, N>(y, p.at(row), best);
    if (where) *reinterpret_cast<Packed<std::uint8_t, N>*>(where + p.at(row)) = place;
  }
};

/// Backward of Pool: writes g, the gradient of norm(x), and sums g and g (x - mean).
struct PoolGradient {
  static constexpr int kSums = 2;
  const void* dy;
  const std::uint8_t* where;
  const void* x;
  NormView norm;
  void* g;
  std::int64_t height, width;

  template <class T, int N>
  struct Channels {
    Lanes<N> mean;
    LCR_HOST_DEVICE Channels(const PoolGradient& op, const Place& p)
        : mean(op.norm.load<N>(p, kMean)) {}
  };
  template <class T, int N>
  LCR_HOST_DEVICE void row(const Channels<T, N>& keep, const Place& p, std::int64_t row,
                           Lanes<N> (&sums)[kSums]) const {
    const std::int64_t rows = pooled(height), columns = pooled(width);
    const std::int64_t image = row / (height * width), position = row % (height * width);
    const std::int64_t h = position / width, w = position % width;
    Lanes<N> total{};
    // The windows that contain the position: their indices are h / 2 to (h + 1) / 2.
    for (std::int64_t r = h / 2; r <= (h + 1) / 2 && r < rows; ++r)
      for (std::int64_t c = w / 2; c <= (w + 1) / 2 && c < columns; ++c) {
        const std::int64_t at = p.at((image * rows + r) * columns + c);
        const auto place = static_cast<std::uint8_t>(3 * (h - 2 * r + 1) + w - 2 * c + 1);
        const auto places = *reinterpret_cast<const Packed<std::uint8_t, N>*>(where + at);
        const auto dense = load<T, N>(dy, at);
        for (int i = 0; i < N; ++i)
          if (places.value[i] == place) total[i] += dense[i];
      }
    const auto values = load<T, N>(x, p.at(row));
    for (int i = 0; i < N; ++i) {
      sums[0][i] += total[i];
      sums[1][i] += total[i] * (values[i] - keep.mean[i]);
    }
    store<T, N>(g, p.at(row), total);
  }
};

// ---- How a block runs them
// -----------------------------------------------------------------------

/// Where a block works.
struct Block {
  std::int64_t tile, part, group;
};

/// Numbers of the memory that a block's threads share.
template <class Op, int N>
inline constexpr int kShared = Op::kSums > 0 ? Op::kSums* kThreads* N : 1;

/// What every thread of a block does first: its rows. Its sums go to shared memory.
template <class T, int N, class Op>
LCR_HOST_DEVICE void work(const Op& op, const Tiling& tiling, const Block& block, int thread,
                          float* shared) {
  const int lane = thread % tiling.across, stripe = thread / tiling.across;
  const Place place{tiling, block.group, (block.tile * tiling.across + lane) * N};
  Lanes<N> sums[Op::kSums > 0 ? Op::kSums : 1] = {};
  if (place.channel < tiling.channels) {
    const typename Op::template Channels<T, N> keep(op, place);
    const std::int64_t start = block.group * tiling.group_rows,
                       first = start + block.part * tiling.part_rows;
    const std::int64_t end = start + tiling.group_rows, whole = first + tiling.part_rows;
    for (std::int64_t row = first + stripe; row < (whole < end ? whole : end);
         row += kThreads / tiling.across)
      op.template row<T, N>(keep, place, row, sums);
  }
  if constexpr (Op::kSums > 0)
    for (int s = 0; s < Op::kSums; ++s)
      for (int i = 0; i < N; ++i) shared[(s * kThreads + thread) * N + i] = sums[s][i];
}

/// What every thread does once all have done the first: adds the sums of some channels, stripe by
/// stripe. partials: kSums x groups x parts x channels.
template <int N, class Op>
LCR_HOST_DEVICE void add_stripes(const Op& /*op*/, const Tiling& tiling, const Block& block,
                                 int thread, const float* shared, double* partials) {
  const int width = tiling.across * N;
  for (int i = thread; i < width; i += kThreads) {
    const std::int64_t channel = block.tile * width + i;
    if (channel >= tiling.channels) continue;
    for (int s = 0; s < Op::kSums; ++s) {
      double sum = 0;
      for (int from = i / N; from < kThreads; from += tiling.across)
        sum += static_cast<double>(shared[(s * kThreads + from) * N + i % N]);
      partials[((s * tiling.groups + block.group) * tiling.parts + block.part) * tiling.channels +
               channel] = sum;
    }
  }
}

/// Adds the parts' sums. A block has kAcross channels of one of `sums` x groups; its threads above
/// each other take every (kThreads / kAcross)th part.
struct Totals {
  static constexpr int kAcross = 32;
  const double* partials;
  double* totals;  ///< (sums x groups) x channels
  std::int64_t parts, channels;

  LCR_HOST_DEVICE void add_parts(std::int64_t tile, std::int64_t of, int thread,
                                 double* shared) const {
    const std::int64_t channel = tile * kAcross + thread % kAcross;
    double sum = 0;
    if (channel < channels)
      for (std::int64_t part = thread / kAcross; part < parts; part += kThreads / kAcross)
        sum += partials[(of * parts + part) * channels + channel];
    shared[thread] = sum;
  }
  LCR_HOST_DEVICE void add_threads(std::int64_t tile, std::int64_t of, int thread,
                                   const double* shared) const {
    const std::int64_t channel = tile * kAcross + thread;
    if (thread >= kAcross || channel >= channels) return;
    double sum = 0;
    for (int from = thread; from < kThreads; from += kAcross) sum += shared[from];
    totals[of * channels + channel] = sum;
  }
};

/// Calls body(a number of the type T, std::integral_constant of the lanes) for a tiling.
template <class Body>
auto with_format(Number number, int lanes, const Body& body) {
  const auto with_lanes = [&](auto type) {
    constexpr int kWide = kWideBytes / static_cast<int>(sizeof(type));
    return lanes == 1 ? body(type, std::integral_constant<int, 1>())
                      : body(type, std::integral_constant<int, kWide>());
  };
  return number == Number::kFloat ? with_lanes(float{}) : with_lanes(Bfloat16{});
}

}  // namespace lcr::kernels::device
