// The stages of rendering views, element by element over a whole batch: what the CUDA kernels run.
// Plain C++17 without any library, so that nvcc compiles it and the tests run the same functions on
// the CPU, against render_view().
#pragma once

#include "lcr/image/pixel_math.h"

namespace lcr {

/// One view to render, as copied to the device; make_view_task() makes it from ViewParameters.
struct ViewTask {
  std::int64_t image;        ///< offset of the source image's first byte
  std::int32_t image_width;  ///< pixels
  std::int32_t crop_x, crop_y, crop_width, crop_height;
  std::int32_t flip, bicubic, jitter, gray, solarise, blurs;  ///< 0 or 1
  std::int32_t order[4];  ///< of 0: brightness, 1: contrast, 2: saturation, 3: hue
  float brightness, contrast, saturation;
  std::int32_t hue_steps;  ///< as hue_offset() gives them
  BoxBlur box;
  std::int32_t blurs_by_kernel;  ///< 0 or 1; not both this and `blurs`
  GaussianKernel kernel;
};

/// The buffers of a batch of `views` views of size x size pixels.
struct ViewBuffers {
  std::int64_t views, size;
  std::int64_t rows;  ///< at least the largest crop_height
  std::int64_t room;  ///< at least resize_taps() of every axis
  const std::uint8_t* pixels;
  const ViewTask* tasks;
  /// views x 2 x size (axis 0: across, 1: down): the first input position of an output position.
  std::int64_t* first;
  std::int32_t* count;    ///< likewise: the number of its weights
  std::int32_t* weights;  ///< views x 2 x size x room
  std::uint8_t* middle;   ///< views x rows x size x 3
  std::uint8_t* out;      ///< views x size x size x 3
  std::uint8_t* scratch;  ///< as out
};

/// a / b with its rest, in 32 bits where both fit: a device divides these several times faster.
struct Quotient {
  std::int64_t whole, rest;
};
LCR_HOST_DEVICE Quotient divided(std::int64_t a, std::int64_t b) {
  constexpr std::int64_t kMost = 0xffffffff;
  if (a > kMost || b > kMost) return {a / b, a % b};
  const auto small_a = static_cast<std::uint32_t>(a), small_b = static_cast<std::uint32_t>(b);
  const std::uint32_t whole = small_a / small_b;
  return {whole, small_a - whole * small_b};
}

/// Where element i of views x rows x size is.
struct ElementPlace {
  std::int64_t view, y, x;
};
LCR_HOST_DEVICE ElementPlace element_place(std::int64_t i, std::int64_t rows, std::int64_t size) {
  const Quotient line = divided(i, size), view = divided(line.whole, rows);
  return {view.whole, view.rest, line.rest};
}

/// First stage: the weights of output position i of both axes.
LCR_HOST_DEVICE std::int64_t weight_elements(const ViewBuffers& b) { return b.views * 2 * b.size; }
LCR_HOST_DEVICE void make_weights(const ViewBuffers& b, std::int64_t i) {
  const auto [view, axis_index, position] = element_place(i, 2, b.size);
  const ViewTask& task = b.tasks[view];
  const bool across = axis_index == 0;
  const ResizeAxis axis =
      resize_axis(across ? task.crop_width : task.crop_height, b.size, task.bicubic != 0);
  b.count[i] =
      static_cast<std::int32_t>(resize_weights(axis, position, b.first[i], b.weights + i * b.room));
}

/// Second stage: pixel i of `middle`, resized across.
LCR_HOST_DEVICE std::int64_t across_elements(const ViewBuffers& b) {
  return b.views * b.rows * b.size;
}
LCR_HOST_DEVICE void resize_across(const ViewBuffers& b, std::int64_t i) {
  const auto [view, y, x] = element_place(i, b.rows, b.size);
  const std::int64_t at = view * 2 * b.size + x;
  const ViewTask& task = b.tasks[view];
  if (y >= task.crop_height) return;
  const std::int64_t pixel = (task.crop_y + y) * task.image_width + task.crop_x + b.first[at];
  const std::uint8_t* source = b.pixels + task.image + pixel * 3;
  for (int channel = 0; channel < 3; ++channel) {
    std::int32_t sum = 1 << (kResizePrecision - 1);
    for (std::int32_t k = 0; k < b.count[at]; ++k)
      sum += source[k * 3 + channel] * b.weights[at * b.room + k];
    b.middle[i * 3 + channel] = static_cast<std::uint8_t>(clip_byte(sum >> kResizePrecision));
  }
}

/// Third stage: pixel i of the views, resized down and flipped.
LCR_HOST_DEVICE std::int64_t view_elements(const ViewBuffers& b) {
  return b.views * b.size * b.size;
}
LCR_HOST_DEVICE void resize_down(const ViewBuffers& b, std::int64_t i) {
  const auto [view, y, x] = element_place(i, b.size, b.size);
  const std::int64_t at = (view * 2 + 1) * b.size + y;
  const ViewTask& task = b.tasks[view];
  const std::uint8_t* source = b.middle + ((view * b.rows + b.first[at]) * b.size + x) * 3;
  std::uint8_t* target = b.out + (i - x + (task.flip ? b.size - 1 - x : x)) * 3;
  for (int channel = 0; channel < 3; ++channel) {
    std::int32_t sum = 1 << (kResizePrecision - 1);
    for (std::int32_t k = 0; k < b.count[at]; ++k)
      sum += source[k * b.size * 3 + channel] * b.weights[at * b.room + k];
    target[channel] = static_cast<std::uint8_t>(clip_byte(sum >> kResizePrecision));
  }
}

/// What brightness (0), contrast (1) and saturation (2) blend a pixel with, and by which factor.
LCR_HOST_DEVICE int blend_base(int operation, int grey_mean, const int* rgb) {
  if (operation == 0) return 0;
  return operation == 1 ? grey_mean : luma(rgb[0], rgb[1], rgb[2]);
}
LCR_HOST_DEVICE float blend_factor(int operation, const ViewTask& task) {
  if (operation == 0) return task.brightness;
  return operation == 1 ? task.contrast : task.saturation;
}

/// The colour stage of one view, by `threads` threads that call it together. add_up(value): waits
/// for all threads and gives each the sum of their values (integers: the order does not matter).
template <typename AddUp>
LCR_HOST_DEVICE void colour_view(const ViewBuffers& b, std::int64_t view, int thread, int threads,
                                 AddUp add_up) {
  const ViewTask& task = b.tasks[view];
  const std::int64_t pixels = b.size * b.size;
  std::uint8_t* image = b.out + view * pixels * 3;
  for (int step = 0; step < 4 && task.jitter; ++step) {
    const int operation = task.order[step];
    int grey_mean = 0;
    if (operation == 1) {
      long long sum = 0;
      for (std::int64_t i = thread; i < pixels; i += threads)
        sum += luma(image[i * 3], image[i * 3 + 1], image[i * 3 + 2]);
      grey_mean = mean_luma(add_up(sum), pixels);
    }
    // Each thread has the same pixels in every step.
    for (std::int64_t i = thread; i < pixels; i += threads) {
      std::uint8_t* p = image + i * 3;
      int rgb[3] = {p[0], p[1], p[2]};
      if (operation == 3) {
        const HueSaturation colour = hue_saturation(rgb[0], rgb[1], rgb[2]);
        const int value = larger(larger(rgb[0], rgb[1]), rgb[2]);
        const int hue = (colour.hue + task.hue_steps) & 255;
        for (int channel = 0; channel < 3; ++channel)
          p[channel] = static_cast<std::uint8_t>(
              channel_of(value, colour.saturation, hue_weight(hue, channel)));
      } else {
        const int base = blend_base(operation, grey_mean, rgb);
        const float factor = blend_factor(operation, task);
        for (int channel = 0; channel < 3; ++channel)
          p[channel] = static_cast<std::uint8_t>(blend(base, rgb[channel], factor));
      }
    }
  }
  if (task.gray)
    for (std::int64_t i = thread; i < pixels; i += threads) {
      std::uint8_t* p = image + i * 3;
      p[0] = p[1] = p[2] = static_cast<std::uint8_t>(luma(p[0], p[1], p[2]));
    }
}

/// `at` clamped to [0, length).
LCR_HOST_DEVICE std::int64_t clamp_position(std::int64_t at, std::int64_t length) {
  if (at < 0) return 0;
  return at >= length ? length - 1 : at;
}

/// Pixel i of a view blurred by its kernel: both axes in pass 0, from `out` to `scratch`; back in
/// pass 1.
LCR_HOST_DEVICE void kernel_blur_pass(const ViewBuffers& b, int pass, std::int64_t i) {
  if (pass == 1)
    for (int channel = 0; channel < 3; ++channel)
      b.out[i * 3 + channel] = b.scratch[i * 3 + channel];
  if (pass != 0) return;
  const auto [view, y, x] = element_place(i, b.size, b.size);
  const GaussianKernel& kernel = b.tasks[view].kernel;
  const std::uint8_t* image = b.out + view * b.size * b.size * 3;
  for (int channel = 0; channel < 3; ++channel) {
    std::uint64_t sum = 0;
    for (int k = -kernel.reach; k <= kernel.reach; ++k) {
      const std::uint8_t* line = image + mirror_position(y + k, b.size) * b.size * 3 + channel;
      sum += std::uint64_t{kernel.weight[k < 0 ? -k : k]} * kernel_sum(kernel, line, 3, x, b.size);
    }
    b.scratch[i * 3 + channel] = kernel_blur_value(sum);
  }
}

constexpr int kBlurStages = 2 * kBlurPasses;
/// Pixel i in one of the box blur's six passes: three across, then three down; even passes read
/// `out` and write `scratch`, odd ones the other way round. Views without blur stay in `out`.
LCR_HOST_DEVICE void blur_pass(const ViewBuffers& b, int pass, std::int64_t i) {
  const auto [view, y, x] = element_place(i, b.size, b.size);
  const ViewTask& task = b.tasks[view];
  if (task.blurs_by_kernel) kernel_blur_pass(b, pass, i);
  if (!task.blurs) return;
  const std::uint8_t* from = (pass % 2 == 0 ? b.out : b.scratch) + view * b.size * b.size * 3;
  std::uint8_t* to = (pass % 2 == 0 ? b.scratch : b.out) + i * 3;
  const bool across = pass < kBlurPasses;
  const std::int64_t step = across ? 3 : b.size * 3;
  const std::int64_t place = across ? x : y;
  const std::uint8_t* line = from + (across ? y * b.size : x) * 3;
  for (int channel = 0; channel < 3; ++channel) {
    std::uint32_t whole = 0, ends = 0;
    for (int k = -task.box.radius - 1; k <= task.box.radius + 1; ++k) {
      const std::int64_t at = clamp_position(place + k, b.size);
      const std::uint32_t value = line[at * step + channel];
      if (k < -task.box.radius || k > task.box.radius)
        ends += value;
      else
        whole += value;
    }
    to[channel] = box_blur_value(task.box, whole, ends);
  }
}

/// Last stage: pixel i of the views, solarised.
LCR_HOST_DEVICE void solarise_element(const ViewBuffers& b, std::int64_t i) {
  if (!b.tasks[element_place(i, b.size, b.size).view].solarise) return;
  for (int channel = 0; channel < 3; ++channel)
    b.out[i * 3 + channel] = static_cast<std::uint8_t>(solarise(int{b.out[i * 3 + channel]}));
}

}  // namespace lcr
