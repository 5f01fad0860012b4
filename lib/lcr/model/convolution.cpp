#include "lcr/model/convolution.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include <ATen/Parallel.h>
#include <torch/autograd.h>

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

/// Where the matrix product is the faster way, measured (benchmarks/README.md): elsewhere the
/// copies cost what it saves.
bool product_is_faster(const Tensor& x, const Tensor& dy, const Geometry& geometry) {
  const std::int64_t positions = dy.size(2) * dy.size(3);
  if (geometry.kernel == 1) return positions <= 14 * 14;
  return geometry.kernel == 3 && positions <= 8 * 8 && x.size(1) >= 128;
}

/// The inputs of each output position of images first to last - 1: rows of kernel x kernel x C
/// numbers, in the order of a channels_last filter, 0 where the kernel is outside.
Tensor patches(const Tensor& x, const Tensor& dy, const Geometry& geometry, std::int64_t first,
               std::int64_t last) {
  const std::int64_t height = x.size(2), width = x.size(3), channels = x.size(1);
  const std::int64_t rows = dy.size(2), columns = dy.size(3), kernel = geometry.kernel;
  Tensor out = torch::empty({(last - first) * rows * columns, kernel * kernel * channels},
                            x.options().memory_format(torch::MemoryFormat::Contiguous));
  const auto* const from = x.data_ptr<float>();
  auto* const to = out.data_ptr<float>();
  const std::size_t bytes = static_cast<std::size_t>(channels) * sizeof(float);
  at::parallel_for(0, (last - first) * rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line) {
      const std::int64_t image = first + line / rows;
      const std::int64_t top = line % rows * geometry.stride - geometry.padding();
      float* cursor = to + line * columns * kernel * kernel * channels;
      for (std::int64_t column = 0; column < columns; ++column) {
        const std::int64_t left = column * geometry.stride - geometry.padding();
        for (std::int64_t i = 0; i < kernel; ++i)
          for (std::int64_t j = 0; j < kernel; ++j, cursor += channels) {
            const std::int64_t h = top + i, w = left + j;
            if (h < 0 || h >= height || w < 0 || w >= width)
              std::memset(cursor, 0, bytes);
            else
              std::memcpy(cursor, from + ((image * height + h) * width + w) * channels, bytes);
          }
      }
    }
  });
  return out;
}

/// N x C x h x w in channels_last, as a matrix of positions x C.
Tensor as_rows(const Tensor& map) { return map.permute({0, 2, 3, 1}).reshape({-1, map.size(1)}); }

/// The weights' gradient, out x in x k x k in channels_last: dy' patches(x), over so many images at
/// a time that the patches stay small.
Tensor weight_gradient(const Tensor& x, const Tensor& dy, const Geometry& geometry) {
  const std::int64_t in = x.size(1), out = dy.size(1), kernel = geometry.kernel;
  Tensor gradient;
  if (kernel == 1) {
    gradient = as_rows(dy).t().mm(as_rows(x));
  } else {
    constexpr std::int64_t kRows = 512;
    const std::int64_t positions = dy.size(2) * dy.size(3);
    const std::int64_t images = std::max<std::int64_t>(1, kRows / positions);
    gradient = torch::zeros({out, kernel * kernel * in});
    for (std::int64_t first = 0; first < x.size(0); first += images) {
      const std::int64_t last = std::min(first + images, x.size(0));
      gradient.addmm_(as_rows(dy.slice(0, first, last)).t(), patches(x, dy, geometry, first, last));
    }
  }
  return gradient.view({out, kernel, kernel, in}).permute({0, 3, 1, 2});
}

/// A convolution in float32 whose backward pass computes the weights' gradient by
/// weight_gradient().
struct Convolution : torch::autograd::Function<Convolution> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Geometry& geometry) {
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = geometry.stride;
    return torch::conv2d(x, weight, {}, geometry.stride, geometry.padding());
  }
  static variable_list backward(AutogradContext* context, const variable_list& outputs) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const Geometry geometry{weight.size(2), context->saved_data["stride"].toInt()};
    const Tensor dy = outputs[0].contiguous(torch::MemoryFormat::ChannelsLast);
    const bool product = product_is_faster(x, dy, geometry);
    const auto of = [](std::int64_t value) { return std::vector<std::int64_t>{value, value}; };
    const bool dx_wanted = context->needs_input_grad(0);
    Tensor dx, dw;
    if (dx_wanted || !product)
      std::tie(dx, dw, std::ignore) = at::convolution_backward(
          dy, x, weight, at::OptionalIntArrayRef(), of(geometry.stride), of(geometry.padding()),
          of(1), false, of(0), 1, {dx_wanted, !product, false});
    if (product) dw = weight_gradient(x, dy, geometry);
    return {dx, dw, {}};
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
  if (seen.scalar_type() != torch::kFloat || compat::autocast_enabled(c10::DeviceType::CPU) ||
      !torch::GradMode::is_enabled() || !conv->weight.requires_grad())
    return torch::conv2d(seen, conv->weight, {}, geometry.stride, geometry.padding());
  return Convolution::apply(seen.contiguous(torch::MemoryFormat::ChannelsLast), conv->weight,
                            geometry);
}

}  // namespace lcr
