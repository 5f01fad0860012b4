#include "lcr/model/convolution.h"

#include <algorithm>
#include <tuple>

#include <torch/autograd.h>

#include "lcr/model/intra_op_threads.h"
#include "lcr/model/kernels/kernels.h"
#include "lcr/model/shifted_products.h"
#include "lcr/model/torch_compat.h"

namespace lcr {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// What at::convolution_backward() needs to know of a convolution of make_convolution().
struct Geometry {
  std::int64_t kernel, stride;
  std::int64_t padding() const { return kernel / 2; }
};

/// The size of a convolution's output maps, in positions.
struct MapSize {
  std::int64_t rows, columns;
};

MapSize output_of(const Tensor& x, const Geometry& geometry) {
  const auto size = [&](std::int64_t side) {
    return (side + 2 * geometry.padding() - geometry.kernel) / geometry.stride + 1;
  };
  return {size(x.size(2)), size(x.size(3))};
}

kernels::ConvolutionShape shape_of(const Tensor& x, std::int64_t out, const Geometry& geometry) {
  const MapSize output = output_of(x, geometry);
  return {.images = x.size(0),
          .height = x.size(2),
          .width = x.size(3),
          .in = x.size(1),
          .rows = output.rows,
          .columns = output.columns,
          .out = out,
          .kernel = geometry.kernel,
          .stride = geometry.stride};
}

/// Where products that leave out the padding (shifted_products.h) are faster than LibTorch's
/// convolution, measured (benchmarks/README.md). channels: its input's; for the weights' gradient
/// the larger of input's and output's.
bool shifted_is_faster(const Tensor& x, std::int64_t channels, const Geometry& geometry) {
  const MapSize output = output_of(x, geometry);
  return x.scalar_type() == torch::kFloat && geometry.kernel == 3 && channels >= 256 &&
         output.rows * output.columns <= 7 * 7 && x.size(0) >= 16;
}

/// Where a matrix product gives the weights' gradient faster than LibTorch, measured
/// (benchmarks/README.md): elsewhere the copies cost what it saves.
bool gradient_product_is_faster(const Tensor& x, const Tensor& dy, const Geometry& geometry) {
  const std::int64_t positions = dy.size(2) * dy.size(3);
  if (geometry.kernel == 1) return positions <= 14 * 14;
  if (geometry.kernel != 3) return false;
  if (kernels::widest_is_avx2()) return x.size(1) >= 64;
  return positions <= 8 * 8 && x.size(1) >= 128;
}

/// Where a matrix product is faster than LibTorch's convolution, measured likewise.
bool product_is_faster(const Tensor& x, const Geometry& geometry) {
  return compat::kOldConvolutions && kernels::widest_is_avx2() &&
         x.scalar_type() == torch::kFloat && geometry.kernel == 3 &&
         x.size(1) >= (geometry.stride > 1 ? 64 : 128);
}

/// The inputs of each output position of lines first to last - 1, all images' lines in a row: rows
/// of kernel x kernel x C numbers, in the order of a channels_last filter, 0 where the kernel is
/// outside.
void copy_patches(const Tensor& x, const Geometry& geometry, const MapSize& output,
                  std::int64_t first, std::int64_t last, float* to) {
  const std::int64_t height = x.size(2), width = x.size(3), kernel = geometry.kernel;
  const auto channels = static_cast<std::size_t>(x.size(1));
  const auto* const from = x.data_ptr<float>();
  const auto numbers = [&](std::int64_t pixels) {
    return static_cast<std::size_t>(pixels) * channels;
  };
  at::parallel_for(first, last, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const std::int64_t image = line / output.rows;
      const std::int64_t top = line % output.rows * geometry.stride - geometry.padding();
      float* cursor = to + numbers((line - first) * output.columns * kernel * kernel);
      for (std::int64_t column = 0; column < output.columns; ++column) {
        const std::int64_t left = column * geometry.stride - geometry.padding();
        const std::int64_t before = std::max<std::int64_t>(0, -left);  // pixels outside
        const std::int64_t after = std::max<std::int64_t>(0, left + kernel - width);
        const std::int64_t inside = kernel - before - after;
        for (std::int64_t h = top; h < top + kernel; ++h, cursor += numbers(kernel)) {
          if (h < 0 || h >= height) {
            std::fill_n(cursor, numbers(kernel), 0.0f);
            continue;
          }
          std::fill_n(cursor, numbers(before), 0.0f);
          std::copy_n(from + numbers((image * height + h) * width + left + before), numbers(inside),
                      cursor + numbers(before));
          std::fill_n(cursor + numbers(before + inside), numbers(after), 0.0f);
        }
      }
    }
  });
}

/// Calls use(first position, patches) for all output positions, over so many lines at a time that
/// the patches stay small.
template <class Use>
void for_patches(const Tensor& x, const Geometry& geometry, const Use& use) {
  constexpr std::int64_t kPositions = 512;
  const MapSize output = output_of(x, geometry);
  const std::int64_t lines = x.size(0) * output.rows;
  const std::int64_t step = std::max<std::int64_t>(1, std::min(kPositions / output.columns, lines));
  const Tensor patches =
      torch::empty({step * output.columns, geometry.kernel * geometry.kernel * x.size(1)});
  for (std::int64_t first = 0; first < lines; first += step) {
    const std::int64_t last = std::min(first + step, lines);
    copy_patches(x, geometry, output, first, last, patches.data_ptr<float>());
    use(first * output.columns, patches.narrow(0, 0, (last - first) * output.columns));
  }
}

/// N x C x h x w in channels_last, as a matrix of positions x C.
Tensor as_rows(const Tensor& map) { return map.permute({0, 2, 3, 1}).reshape({-1, map.size(1)}); }

/// A convolution in float32: patches(x) weight'.
Tensor patch_product(const Tensor& x, const Tensor& weight, const Geometry& geometry) {
  const MapSize output = output_of(x, geometry);
  const Tensor filters = as_rows(weight).view({weight.size(0), -1}).t();
  Tensor y = torch::empty({x.size(0), weight.size(0), output.rows, output.columns},
                          x.options().memory_format(torch::MemoryFormat::ChannelsLast));
  const Tensor rows = as_rows(y);
  for_patches(x, geometry, [&](std::int64_t first, const Tensor& patches) {
    Tensor part = rows.narrow(0, first, patches.size(0));
    at::mm_out(part, patches, filters);
  });
  return y;
}

/// The weights' gradient, out x in x k x k in channels_last: dy' patches(x).
Tensor weight_gradient(const Tensor& x, const Tensor& dy, const Geometry& geometry) {
  const std::int64_t in = x.size(1), out = dy.size(1), kernel = geometry.kernel;
  const Tensor errors = as_rows(dy);
  Tensor gradient;
  if (kernel == 1) {
    gradient = errors.t().mm(as_rows(x));
  } else {
    gradient = torch::zeros({out, kernel * kernel * in});
    for_patches(x, geometry, [&](std::int64_t first, const Tensor& patches) {
      gradient.addmm_(errors.narrow(0, first, patches.size(0)).t(), patches);
    });
  }
  return gradient.view({out, kernel, kernel, in}).permute({0, 3, 1, 2});
}

/// Whether the loops have products of tiles for this convolution of bfloat16 maps.
bool has_tiles(const Tensor& x, const Tensor& weight) {
  return x.scalar_type() == torch::kBFloat16 && weight.scalar_type() == torch::kFloat &&
         weight.is_contiguous(torch::MemoryFormat::ChannelsLast) && kernels::kernels().multiply &&
         weight.size(0) % 32 == 0 && weight.size(1) % 32 == 0;
}

/// Where the gradient of the weights by tiles is faster than LibTorch's, measured
/// (benchmarks/README.md): everywhere but in 3x3 convolutions of large maps with few channels.
bool tiles_are_faster(const Tensor& x, const Tensor& dy, const Geometry& geometry) {
  return geometry.kernel == 1 || geometry.stride > 1 || dy.size(2) * dy.size(3) <= 12 * 12 ||
         x.size(1) * dy.size(1) >= 256 * 256;
}

const kernels::Bfloat16* numbers(const Tensor& tensor) {
  return static_cast<const kernels::Bfloat16*>(tensor.data_ptr());
}

/// A 1x1 convolution of x, or, transposed, its gradient towards the input of dy = x. The threads
/// share the rows, each of which is summed on its own.
Tensor tiled_product(const Tensor& x, const Tensor& weight, bool transposed) {
  const kernels::Kernels& form = kernels::kernels();
  const std::int64_t out = weight.size(0), in = weight.size(1);
  const std::int64_t columns = transposed ? in : out, sums = transposed ? out : in;
  const Tensor packed = torch::empty({out * in}, x.options());
  auto* const weights = static_cast<kernels::Bfloat16*>(packed.data_ptr());
  form.pack_weights(weight.data_ptr<float>(), out, in, transposed, weights);
  Tensor y = torch::empty({x.size(0), columns, x.size(2), x.size(3)},
                          x.options().memory_format(torch::MemoryFormat::ChannelsLast));
  auto* const result = static_cast<kernels::Bfloat16*>(y.data_ptr());
  const std::int64_t rows = x.numel() / sums;
  constexpr std::int64_t kUnit = 32;
  at::parallel_for(0, (rows + kUnit - 1) / kUnit, 1, [&](std::int64_t from, std::int64_t to) {
    const std::int64_t first = from * kUnit, count = std::min(to * kUnit, rows) - first;
    const Tensor memory = torch::empty({form.multiply_space(count, sums)}, torch::kByte);
    form.multiply(numbers(x) + first * sums, weights, result + first * columns, count, sums,
                  columns, memory.data_ptr());
  });
  return y;
}

/// The weights' gradient of a convolution in bfloat16, as weight_gradient()'s but summed and kept
/// in float32. The threads share the outputs, so that sums do not depend on their number.
Tensor tiled_weight_gradient(const Tensor& x, const Tensor& dy,
                             const kernels::ConvolutionShape& shape) {
  const kernels::Kernels& form = kernels::kernels();
  Tensor gradient = torch::empty({shape.out, shape.kernel, shape.kernel, shape.in}, torch::kFloat);
  constexpr std::int64_t kUnit = 32;
  at::parallel_for(0, shape.out / kUnit, 1, [&](std::int64_t from, std::int64_t to) {
    const Tensor memory =
        torch::empty({form.weight_gradient_space((to - from) * kUnit)}, torch::kByte);
    form.weight_gradient(numbers(x), numbers(dy), gradient.data_ptr<float>(), shape, from * kUnit,
                         to * kUnit, memory.data_ptr());
  });
  return gradient.permute({0, 3, 1, 2});
}

/// A convolution of x, float32 or bfloat16, by float32 weights. `rounded`: the weights in x's type,
/// undefined if the tiles do the work. Both passes use the functions above where they are faster,
/// else LibTorch's.
Tensor forward_pass(const Tensor& x, const Tensor& weight, const Tensor& rounded,
                    const Geometry& geometry) {
  if (!rounded.defined()) return tiled_product(x, weight, false);
  if (shifted_is_faster(x, x.size(1), geometry))
    return shifted_convolution(x, weight, shape_of(x, weight.size(0), geometry));
  if (product_is_faster(x, geometry)) return patch_product(x, rounded, geometry);
  return torch::conv2d(x, rounded, {}, geometry.stride, geometry.padding());
}

Tensor rounded_weight(const Tensor& x, const Tensor& weight, const Geometry& geometry) {
  return geometry.kernel == 1 && has_tiles(x, weight) ? Tensor() : weight.to(x.scalar_type());
}

struct Convolution : torch::autograd::Function<Convolution> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Geometry& geometry) {
    const Tensor rounded = rounded_weight(x, weight, geometry);
    context->save_for_backward({x, weight, rounded});
    context->saved_data["stride"] = geometry.stride;
    return forward_pass(x, weight, rounded, geometry);
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &rounded = saved[2];
    const Geometry geometry{weight.size(2), context->saved_data["stride"].toInt()};
    const Tensor dy = outputs[0].contiguous(torch::MemoryFormat::ChannelsLast);
    const bool dx_wanted = context->needs_input_grad(0), dw_wanted = context->needs_input_grad(1);
    const bool tiled_dw = dw_wanted && has_tiles(x, weight) && tiles_are_faster(x, dy, geometry);
    const bool shifted_dx = dx_wanted && shifted_is_faster(x, x.size(1), geometry);
    const bool shifted_dw =
        dw_wanted && shifted_is_faster(x, std::max(x.size(1), dy.size(1)), geometry);
    const bool wide_dw = dw_wanted && !shifted_dw && x.scalar_type() == torch::kFloat &&
                         gradient_product_is_faster(x, dy, geometry);
    const bool torch_dx = dx_wanted && !shifted_dx && rounded.defined();
    const bool torch_dw = dw_wanted && !shifted_dw && !tiled_dw && !wide_dw;
    const auto of = [](std::int64_t value) { return std::vector<std::int64_t>{value, value}; };
    Tensor dx, dw;
    if (torch_dx || torch_dw)
      std::tie(dx, dw, std::ignore) = at::convolution_backward(
          dy, x, rounded, at::OptionalIntArrayRef(), of(geometry.stride), of(geometry.padding()),
          of(1), false, of(0), 1, {torch_dx, torch_dw, false});
    const kernels::ConvolutionShape shape = shape_of(x, dy.size(1), geometry);
    if (shifted_dx)
      dx = shifted_input_gradient(dy, weight, shape);
    else if (dx_wanted && !torch_dx)
      dx = tiled_product(dy, weight, true);
    if (shifted_dw) dw = shifted_weight_gradient(x, dy, shape);
    if (tiled_dw) dw = tiled_weight_gradient(x, dy, shape);
    if (wide_dw) dw = weight_gradient(x, dy, geometry);
    return {dx, dw_wanted ? dw.to(torch::kFloat) : dw, {}};
  }
};

}  // namespace

torch::nn::Conv2d make_convolution(std::int64_t in, std::int64_t out, std::int64_t kernel,
                                   std::int64_t stride) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
}

Tensor convolve(torch::nn::Conv2d& conv, const Tensor& x) {
  if (!x.is_cpu() || x.scalar_type() == torch::kDouble) return conv(x);
  Geometry geometry{conv->options.kernel_size()->at(0), conv->options.stride()->at(0)};
  Tensor seen = x;
  if (geometry.kernel == 1 && geometry.stride > 1) {
    seen = x.slice(2, 0, torch::indexing::None, geometry.stride)
               .slice(3, 0, torch::indexing::None, geometry.stride)
               .contiguous(torch::MemoryFormat::ChannelsLast);
    geometry.stride = 1;
  }
  if (conv->weight.scalar_type() != torch::kFloat)
    return torch::conv2d(seen, conv->weight, {}, geometry.stride, geometry.padding());
  if (compat::autocast_enabled(c10::DeviceType::CPU)) seen = seen.to(torch::kBFloat16);
  seen = seen.contiguous(torch::MemoryFormat::ChannelsLast);
  if (!torch::GradMode::is_enabled() || !(seen.requires_grad() || conv->weight.requires_grad()))
    return forward_pass(seen, conv->weight, rounded_weight(seen, conv->weight, geometry), geometry);
  return Convolution::apply(seen, conv->weight, geometry);
}

}  // namespace lcr
