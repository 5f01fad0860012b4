#include "lcr/model/shifted_products.h"

#include <algorithm>
#include <vector>

#include <torch/torch.h>

#include "lcr/model/intra_op_threads.h"

namespace lcr {
namespace {

using kernels::ConvolutionShape;
using torch::Tensor;

/// The rows of a map by position, then by image, so that the positions that one place of the kernel
/// joins are neighbours and need no copy. Columns `stride` apart are neighbours; lines are filled
/// up to whole strides with rows that nothing reads.
struct PositionMajor {
  std::int64_t images, channels, height, width, stride;

  std::int64_t line() const { return (width + stride - 1) / stride * stride; }
  std::int64_t position(std::int64_t h, std::int64_t w) const {
    return h * line() + w % stride * (line() / stride) + w / stride;
  }
  std::int64_t rows() const { return height * line() * images; }

  /// Calls copy(offset in a channels_last map, offset in the rows) for each position of each image.
  template <class Copy>
  void for_each(const Copy& copy) const {
    at::parallel_for(0, height * width, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        for (std::int64_t image = 0; image < images; ++image)
          copy((image * height * width + i) * channels,
               (position(i / width, i % width) * images + image) * channels);
    });
  }

  Tensor rows_of(const Tensor& map) const {
    Tensor rows = torch::empty({this->rows(), channels});
    const float* const from = map.data_ptr<float>();
    float* const to = rows.data_ptr<float>();
    for_each([&](std::int64_t in_map, std::int64_t in_rows) {
      std::copy_n(from + in_map, channels, to + in_rows);
    });
    return rows;
  }

  Tensor map_of(const Tensor& rows) const {
    Tensor map = torch::empty(
        {images, channels, height, width},
        torch::TensorOptions(torch::kFloat).memory_format(torch::MemoryFormat::ChannelsLast));
    const float* const from = rows.data_ptr<float>();
    float* const to = map.data_ptr<float>();
    for_each([&](std::int64_t in_map, std::int64_t in_rows) {
      std::copy_n(from + in_rows, channels, to + in_map);
    });
    return map;
  }
};

PositionMajor input_of(const ConvolutionShape& s) {
  return {s.images, s.in, s.height, s.width, s.stride};
}
PositionMajor output_of(const ConvolutionShape& s) {
  return {s.images, s.out, s.rows, s.columns, 1};
}

/// `count` positions, from `input` and from `output` on, that one place of the kernel joins.
struct Stretch {
  std::int64_t place, input, output, count;

  Tensor of_input(const Tensor& rows, std::int64_t images) const {
    return rows.narrow(0, input * images, count * images);
  }
  Tensor of_output(const Tensor& rows, std::int64_t images) const {
    return rows.narrow(0, output * images, count * images);
  }
  bool goes_on_in(const Stretch& next) const {
    return place == next.place && input + count == next.input && output + count == next.output;
  }
};

std::vector<Stretch> stretches_of(const ConvolutionShape& s) {
  const PositionMajor inputs = input_of(s), outputs = output_of(s);
  std::vector<Stretch> stretches;
  for (std::int64_t place = 0; place < s.kernel * s.kernel; ++place)
    for (std::int64_t row = 0; row < s.rows; ++row)
      for (std::int64_t column = 0; column < s.columns; ++column) {
        const std::int64_t h = row * s.stride + place / s.kernel - s.kernel / 2;
        const std::int64_t w = column * s.stride + place % s.kernel - s.kernel / 2;
        if (h < 0 || h >= s.height || w < 0 || w >= s.width) continue;
        const Stretch next{place, inputs.position(h, w), outputs.position(row, column), 1};
        if (!stretches.empty() && stretches.back().goes_on_in(next))
          ++stretches.back().count;
        else
          stretches.push_back(next);
      }
  return stretches;
}

/// The weights as out x places x in, a view of them if they are channels_last.
Tensor filters_of(const Tensor& weight) {
  return weight.permute({0, 2, 3, 1}).reshape({weight.size(0), -1, weight.size(1)});
}

}  // namespace

Tensor shifted_convolution(const Tensor& x, const Tensor& weight, const ConvolutionShape& shape) {
  const Tensor inputs = input_of(shape).rows_of(x), filters = filters_of(weight);
  const Tensor outputs = torch::zeros({output_of(shape).rows(), shape.out});
  for (const Stretch& part : stretches_of(shape))
    part.of_output(outputs, shape.images)
        .addmm_(part.of_input(inputs, shape.images), filters.select(1, part.place).t());
  return output_of(shape).map_of(outputs);
}

Tensor shifted_input_gradient(const Tensor& dy, const Tensor& weight,
                              const ConvolutionShape& shape) {
  const Tensor errors = output_of(shape).rows_of(dy), filters = filters_of(weight);
  const Tensor gradient = torch::zeros({input_of(shape).rows(), shape.in});
  for (const Stretch& part : stretches_of(shape))
    part.of_input(gradient, shape.images)
        .addmm_(part.of_output(errors, shape.images), filters.select(1, part.place));
  return input_of(shape).map_of(gradient);
}

Tensor shifted_weight_gradient(const Tensor& x, const Tensor& dy, const ConvolutionShape& shape) {
  const Tensor inputs = input_of(shape).rows_of(x), errors = output_of(shape).rows_of(dy);
  const Tensor gradient = torch::zeros({shape.out, shape.kernel * shape.kernel, shape.in});
  for (const Stretch& part : stretches_of(shape))
    gradient.select(1, part.place)
        .addmm_(part.of_output(errors, shape.images).t(), part.of_input(inputs, shape.images));
  return gradient.view({shape.out, shape.kernel, shape.kernel, shape.in}).permute({0, 3, 1, 2});
}

}  // namespace lcr
