// The suite's own loops of a training step on the CPU: batch norm with what follows it, and the
// update of the weights. One source (loops.h), compiled once per instruction set.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/model/kernels/update_rule.h"

namespace lcr::kernels {

/// The bits of a bfloat16 number.
using Bfloat16 = std::uint16_t;

/// y = max(0, scale x + shift) per channel.
struct Affine {
  const float* scale;
  const float* shift;
};

/// Where each loop below works: `rows` rows of `channels` numbers each, one after the other (a
/// channels_last feature map; a row is one position of one image).
struct Extent {
  std::int64_t rows;
  std::int64_t channels;
};

/// Loops over one type of feature map, T = float or Bfloat16. Sums are taken in float32 over at
/// most 64 rows (pool_gradient: over one line of an image), then in float64. All pointers to
/// per-channel data hold `channels` numbers.
template <class T>
struct NormLoops {
  /// Adds sum(x - origin) and sum((x - origin)^2) to `sum` and `square`. An origin among
  /// the values keeps the variance exact where the mean is large.
  void (*moments)(const T* x, Extent extent, const float* origin, double* sum, double* square);

  /// y = relu(affine(x) + residual); residual may be null, y may be x.
  void (*apply)(const T* x, Affine affine, const T* residual, T* y, Extent extent);

  /// y = relu(affine(x) + affine(x2)): two batch norms that end in one sum. y may be x.
  void (*join)(const T* x, Affine affine, const T* x2, Affine affine2, T* y, Extent extent);

  /// Backward of apply() without residual, first half: with g = dy where affine(x) > 0, else 0,
  /// adds sum(g) and sum(g (x - mean)) to `sum` and `product`.
  void (*reduce)(const T* dy, const T* x, Affine affine, const float* mean, Extent extent,
                 double* sum, double* product);

  /// Backward of apply() with residual and of join(), first half: g = dy + dy2 where y > 0, else 0.
  /// Writes g and adds its sums; dy2 and (without a join) x2, mean2 and product2 may be null.
  void (*reduce_residual)(const T* dy, const T* dy2, const T* y, const T* x, const float* mean,
                          const T* x2, const float* mean2, T* g, Extent extent, double* sum,
                          double* product, double* product2);

  /// Backward, second half: dx = a g + b (x - mean) + c per channel. With `mask`, g counts only
  /// where mask(x) > 0. dx may be g.
  void (*input_gradient)(const T* g, const T* x, const float* mean, const float* abc,
                         const Affine* mask, T* dx, Extent extent);

  /// y = max_pool(relu(affine(x))), 3x3, stride 2, padding 1, for images first to last - 1 of
  /// N x height x width x channels. `where` gets the maximum's place in its window, 0 to 8, or 255
  /// if it is 0; it may be null.
  void (*pool)(const T* x, Affine affine, T* y, std::uint8_t* where, std::int64_t first,
               std::int64_t last, std::int64_t height, std::int64_t width, std::int64_t channels);

  /// Backward of pool(), first half: writes g, the gradient of affine(x), and adds its sums as
  /// reduce() does.
  void (*pool_gradient)(const T* dy, const std::uint8_t* where, const T* x, const float* mean, T* g,
                        std::int64_t first, std::int64_t last, std::int64_t height,
                        std::int64_t width, std::int64_t channels, double* sum, double* product);
};

/// A square convolution of channels_last maps, padded by half its kernel: images x height x width x
/// in to images x rows x columns x out.
struct ConvolutionShape {
  std::int64_t images, height, width, in;
  std::int64_t rows, columns, out;
  std::int64_t kernel, stride;
};

/// The loops of one instruction set. The forms give the same bits in the loops that all have: a sum
/// runs over rows, never over the lanes of a vector, and products and sums round apart.
struct Kernels {
  const char* name;
  NormLoops<float> float32;
  NormLoops<Bfloat16> bfloat16;
  /// Updates n numbers. Without a gradient (null) only the average moves; it too may be null.
  void (*update)(float* p, float* v, const float* g, float* average, std::int64_t n,
                 const UpdateRule& rule);

  /// The gradient of a convolution's weights in float32 (out x kernel x kernel x in, which it
  /// overwrites) for outputs first to last - 1. `in`, `first` and `last` are multiples of 32. The
  /// sums run over the positions in order, whatever part of the outputs is wanted. `memory`: at
  /// least weight_gradient_space(last - first) bytes, aligned to 64. Null in the forms without
  /// matrix instructions, where LibTorch's is as fast.
  void (*weight_gradient)(const Bfloat16* x, const Bfloat16* dy, float* dw,
                          const ConvolutionShape& shape, std::int64_t first, std::int64_t last,
                          void* memory);
  std::int64_t (*weight_gradient_space)(std::int64_t outputs);

  /// y = x w', rows x in times in x out, rounded once: a 1x1 convolution. `packed` is made by
  /// pack_weights(); in and out are multiples of 32. `memory`: at least multiply_space(rows, in)
  /// bytes, aligned to 64. Null where weight_gradient is.
  void (*multiply)(const Bfloat16* x, const Bfloat16* packed, Bfloat16* y, std::int64_t rows,
                   std::int64_t in, std::int64_t out, void* memory);
  std::int64_t (*multiply_space)(std::int64_t rows, std::int64_t in);
  /// Rounds weights, out x in, and orders them for multiply(); transposed: for the product with w
  /// in place of w', which takes `out` as its `in`. `packed`: out x in numbers, aligned to 64.
  void (*pack_weights)(const float* weights, std::int64_t out, std::int64_t in, bool transposed,
                       Bfloat16* packed);
};

extern const Kernels kPortable;
#ifdef __x86_64__
extern const Kernels kAvx2;
extern const Kernels kAvx512;
extern const Kernels kAmx;
#endif

/// The forms that this processor runs, slowest first; the first is `portable`.
std::vector<const Kernels*> supported_kernels();

/// Whether AVX2 is the widest instruction set of this processor, whatever form is in use.
bool widest_is_avx2();

/// The form in use: the environment's LCR_KERNELS, else the fastest that the processor runs. Throws
/// UserError on a name that is unknown or that the processor lacks; programs call it at their
/// start.
const Kernels& kernels();

/// Uses another form from now on, for tests and benchmarks.
void use_kernels(const Kernels& form);

}  // namespace lcr::kernels
