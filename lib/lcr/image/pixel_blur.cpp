// Gaussian blurs.
#include <algorithm>
#include <cstring>

#include "lcr/base/error.h"
#include "lcr/image/pixel_math.h"
#include "lcr/image/pixel_ops.h"
#include "lcr/image/vectorised.h"

namespace lcr {
namespace {

/// Computes out[i] from in[i - r - 1 ... i + r + 1], `step` bytes apart, for i in [0, length).
LCR_VECTORISED void box_blur_line(const std::uint8_t* __restrict in, std::int64_t step,
                                  std::int64_t length, BoxBlur box, std::uint8_t* __restrict out) {
  const std::int64_t reach = (box.radius + 1) * step;
  if (box.radius == 0) {  // the common case for small sigma
    for (std::int64_t i = 0; i < length; ++i)
      out[i] =
          box_blur_value(box, in[i], static_cast<std::uint32_t>(in[i - reach] + in[i + reach]));
  } else if (box.radius == 1) {
    for (std::int64_t i = 0; i < length; ++i)
      out[i] = box_blur_value(box, static_cast<std::uint32_t>(in[i - step] + in[i] + in[i + step]),
                              static_cast<std::uint32_t>(in[i - reach] + in[i + reach]));
  } else {
    for (std::int64_t i = 0; i < length; ++i) {
      std::uint32_t whole = 0;
      for (std::int64_t k = -box.radius; k <= box.radius; ++k) whole += in[i + k * step];
      out[i] =
          box_blur_value(box, whole, static_cast<std::uint32_t>(in[i - reach] + in[i + reach]));
    }
  }
}

}  // namespace

void gaussian_blur(std::span<std::uint8_t> image, std::int64_t height, std::int64_t width,
                   double sigma) {
  const BoxBlur box = box_blur(sigma);
  if (is_identity(box)) return;
  const std::int64_t margin = box.radius + 1;
  const std::int64_t row_bytes = width * 3;
  // Rows: each one extended by copies of its end pixels.
  std::vector<std::uint8_t> line(static_cast<std::size_t>(row_bytes + 2 * margin * 3));
  for (std::int64_t y = 0; y < height; ++y) {
    std::uint8_t* row = image.data() + y * row_bytes;
    std::uint8_t* middle = line.data() + margin * 3;
    for (int pass = 0; pass < kBlurPasses; ++pass) {
      std::memcpy(middle, row, static_cast<std::size_t>(row_bytes));
      for (std::int64_t i = 0; i < margin; ++i) {
        std::memcpy(line.data() + i * 3, row, 3);
        std::memcpy(middle + row_bytes + i * 3, row + row_bytes - 3, 3);
      }
      box_blur_line(middle, 3, row_bytes, box, row);
    }
  }
  // Columns: a whole row at once, from a copy of the image with its first and last row repeated.
  std::vector<std::uint8_t> copy(static_cast<std::size_t>((height + 2 * margin) * row_bytes));
  for (int pass = 0; pass < kBlurPasses; ++pass) {
    std::memcpy(copy.data() + margin * row_bytes, image.data(),
                static_cast<std::size_t>(height * row_bytes));
    for (std::int64_t i = 0; i < margin; ++i) {
      std::memcpy(copy.data() + i * row_bytes, image.data(), static_cast<std::size_t>(row_bytes));
      std::memcpy(copy.data() + (margin + height + i) * row_bytes,
                  image.data() + (height - 1) * row_bytes, static_cast<std::size_t>(row_bytes));
    }
    for (std::int64_t y = 0; y < height; ++y)
      box_blur_line(copy.data() + (margin + y) * row_bytes, row_bytes, row_bytes, box,
                    image.data() + y * row_bytes);
  }
}

void gaussian_blur_by_kernel(std::span<std::uint8_t> image, std::int64_t height, std::int64_t width,
                             const GaussianKernel& kernel) {
  check_internal(std::min(height, width) > kernel.reach, "an image smaller than the blur's kernel");
  const std::int64_t row = width * 3;
  std::vector<std::uint32_t> across(static_cast<std::size_t>(height * row));
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t i = 0; i < row; ++i)
      across[static_cast<std::size_t>(y * row + i)] =
          kernel_sum(kernel, image.data() + y * row + i % 3, 3, i / 3, width);
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t i = 0; i < row; ++i) {
      const auto at = [&](std::int64_t place) {
        return std::uint64_t{
            across[static_cast<std::size_t>(mirror_position(place, height) * row + i)]};
      };
      std::uint64_t sum = kernel.weight[0] * at(y);
      for (int k = 1; k <= kernel.reach; ++k) sum += kernel.weight[k] * (at(y - k) + at(y + k));
      image[static_cast<std::size_t>(y * row + i)] = kernel_blur_value(sum);
    }
}

}  // namespace lcr
