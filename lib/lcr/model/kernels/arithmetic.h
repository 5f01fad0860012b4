// The formulas of the suite's own operations, which the CPU's loops and the CUDA kernels share, for
// one number or a vector of them (V). Plain C++17 without LibTorch. All linkage is internal: each
// instruction set needs its own copy.
#pragma once

#include <cmath>
#include <cstdint>

#include "lcr/base/host_device.h"
#include "lcr/model/kernels/update_rule.h"

namespace lcr::kernels {
namespace {

template <class V>
LCR_HOST_DEVICE V zero() {
  return V{};
}

/// relu that keeps nan, as LibTorch's does.
template <class V>
LCR_HOST_DEVICE V relu(V x) {
  return x < 0.0F ? zero<V>() : x;
}

template <class V>
LCR_HOST_DEVICE V affine_of(V x, V scale, V shift) {
  return x * scale + shift;
}

/// The gradient g where the result of the ReLU, or what went into it, is positive.
template <class V>
LCR_HOST_DEVICE V masked(V g, V result) {
  return result > 0.0F ? g : zero<V>();
}

/// A batch norm's dx = a g + b (x - mean) + c.
template <class V>
LCR_HOST_DEVICE V input_gradient_of(V g, V centred, V a, V b, V c) {
  return a * g + (b * centred + c);
}

/// The bits of a float as those of the nearest bfloat16, ties to even, as LibTorch rounds. Not for
/// nan, whose bits are kBfloat16Nan.
template <class Word>
LCR_HOST_DEVICE Word bfloat16_of(Word raw) {
  return (raw + 0x7fffU + ((raw >> 16) & 1U)) >> 16;
}
constexpr std::uint32_t kBfloat16Nan = 0x7fc0U;

/// The place of a maximum that is 0: no gradient goes there.
constexpr std::uint8_t kNowhere = 255;

/// Pooling 3x3 with stride 2 and padding 1: the output positions along a side.
LCR_HOST_DEVICE std::int64_t pooled(std::int64_t side) { return (side - 1) / 2 + 1; }

/// PyTorch's SGD with momentum; update_rule.h.
template <class V>
LCR_HOST_DEVICE V next_velocity(V velocity, V gradient, V weight, const UpdateRule& rule) {
  return velocity * rule.momentum + gradient * rule.gradient_scale + weight * rule.weight_decay;
}
template <class V>
LCR_HOST_DEVICE V next_average(V average, V weight, const UpdateRule& rule) {
  return average * rule.average_momentum + weight * (1.0F - rule.average_momentum);
}

/// A batch norm's channel as the operations use it: relu(scale x + shift), and for its gradient the
/// mean and 1 / sqrt(variance + eps).
struct NormChannel {
  float scale, shift, mean, inverse_std;
};

LCR_HOST_DEVICE NormChannel norm_channel(double mean, double variance, double eps, float weight,
                                         float bias) {
  const double inverse = 1 / std::sqrt(variance + eps);
  const auto scale = static_cast<float>(weight * inverse);
  return {scale, static_cast<float>(bias - mean * static_cast<double>(scale)),
          static_cast<float>(mean), static_cast<float>(inverse)};
}

struct Moments {
  double mean, variance;
};

/// From sum(x - origin) and sum((x - origin)^2) of n numbers; the variance is divided by n.
LCR_HOST_DEVICE Moments moments_of(double origin, double sum, double square, double n) {
  const double offset = sum / n, variance = square / n - offset * offset;
  return {origin + offset, variance < 0 ? 0 : variance};  // below 0 by rounding; nan stays
}

/// A running statistic after the mean of the groups' new values.
LCR_HOST_DEVICE float moved(float running, double momentum, double sum, std::int64_t groups) {
  return static_cast<float>((1 - momentum) * running +
                            momentum * sum / static_cast<double>(groups));
}

/// One group's part of a channel's gradients: of the weight, and a, b, c of input_gradient_of().
/// The gradient of the bias is `sum`.
struct NormChannelGradient {
  double weight;
  float a, b, c;
};

/// From sum(g) and sum(g (x - mean)) over a group's n numbers.
LCR_HOST_DEVICE NormChannelGradient norm_channel_gradient(float scale, float inverse_std,
                                                          double sum, double product, double n) {
  const double inverse = inverse_std, normalised = product * inverse;
  return {normalised, scale, static_cast<float>(-double{scale} * inverse * normalised / n),
          static_cast<float>(-double{scale} * sum / n)};
}

}  // namespace
}  // namespace lcr::kernels
