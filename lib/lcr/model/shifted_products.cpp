#include "lcr/model/shifted_products.h"

#include <algorithm>
#include <vector>

#include <torch/torch.h>

#include "lcr/model/intra_op_threads.h"

namespace lcr {
namespace {

using kernels::ConvolutionShape;
using torch::Tensor;

/// A map's positions as an outer index and its images as the inner one: what a place of the kernel
/// joins are then neighbouring rows. Within a line of the map, columns `stride` apart are
/// neighbours; a line is filled up to whole strides with positions that nothing reads.
struct PositionMajor {
  std::int64_t images, channels, height, width, stride;

  std::int64_t line() const { return (width + stride - 1) / stride * stride; }
  std::int64_t position(std::int64_t h, std::int64_t w) const {
    return h * line() + w % stride * (line() / stride) + w / stride;
  }
  std::int64_t rows() const { return height * line() * images; }

  /// Calls copy(number in a channels_last map, number in the rows) for each position of each image.
  template <class Copy>
  void for_each(const Copy& copy) const {
    at::parallel_for(0, height, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t h = begin; h < end; ++h)
        for (std::int64_t w = 0; w < width; ++w)
          for (std::int64_t image = 0; image < images; ++image)
            copy(((image * height + h) * width + w) * channels,
                 (position(h, w) * images + image) * channels);
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
struct Run {
  std::int64_t place, input, output, count;

  Tensor of_input(const Tensor& rows, std::int64_t images) const {
    return rows.narrow(0, input * images, count * images);
  }
  Tensor of_output(const Tensor& rows, std::int64_t images) const {
    return rows.narrow(0, output * images, count * images);
  }
  bool goes_on_in(const Run& next) const {
    return place == next.place && input + count == next.input && output + count == next.output;
  }
};

std::vector<Run> runs_of(const ConvolutionShape& s) {
  const PositionMajor input = input_of(s), output = output_of(s);
  std::vector<Run> runs;
  for (std::int64_t place = 0; place < s.kernel * s.kernel; ++place) {
    const std::int64_t down = place / s.kernel - s.kernel / 2;
    const std::int64_t right = place % s.kernel - s.kernel / 2;
    std::int64_t first = 0, last = s.columns;
    while (first < last && first * s.stride + right < 0) ++first;
    while (last > first && (last - 1) * s.stride + right >= s.width) --last;
    for (std::int64_t row = 0; row < s.rows && first < last; ++row) {
      const std::int64_t h = row * s.stride + down;
      if (h < 0 || h >= s.height) continue;
      const Run run{place, input.position(h, first * s.stride + right), output.position(row, first),
                    last - first};
      if (!runs.empty() && runs.back().goes_on_in(run))
        runs.back().count += run.count;
      else
        runs.push_back(run);
    }
  }
  return runs;
}

/// The weights as out x places x in: their memory itself in channels_last.
Tensor filters_of(const Tensor& weight) {
  return weight.permute({0, 2, 3, 1}).reshape({weight.size(0), -1, weight.size(1)});
}

}  // namespace

Tensor shifted_convolution(const Tensor& x, const Tensor& weight, const ConvolutionShape& shape) {
  const Tensor inputs = input_of(shape).rows_of(x), filters = filters_of(weight);
  const Tensor outputs = torch::zeros({output_of(shape).rows(), shape.out});
  for (const Run& run : runs_of(shape))
    run.of_output(outputs, shape.images)
        .addmm_(run.of_input(inputs, shape.images), filters.select(1, run.place).t());
  return output_of(shape).map_of(outputs);
}

Tensor shifted_input_gradient(const Tensor& dy, const Tensor& weight,
                              const ConvolutionShape& shape) {
  const Tensor errors = output_of(shape).rows_of(dy), filters = filters_of(weight);
  const Tensor gradient = torch::zeros({input_of(shape).rows(), shape.in});
  for (const Run& run : runs_of(shape))
    run.of_input(gradient, shape.images)
        .addmm_(run.of_output(errors, shape.images), filters.select(1, run.place));
  return input_of(shape).map_of(gradient);
}

Tensor shifted_weight_gradient(const Tensor& x, const Tensor& dy, const ConvolutionShape& shape) {
  const Tensor inputs = input_of(shape).rows_of(x), errors = output_of(shape).rows_of(dy);
  const Tensor gradient = torch::zeros({shape.out, shape.kernel * shape.kernel, shape.in});
  for (const Run& run : runs_of(shape))
    gradient.select(1, run.place)
        .addmm_(run.of_output(errors, shape.images).t(), run.of_input(inputs, shape.images));
  return gradient.view({shape.out, shape.kernel, shape.kernel, shape.in}).permute({0, 3, 1, 2});
}

}  // namespace lcr
