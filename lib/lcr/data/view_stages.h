// The stages of rendering views, element by element over a whole batch: what the CUDA kernels run.
// Plain C++17 without any library, so that nvcc reads it and the tests run the very same functions
// on the CPU, against render_view().
#pragma once

#include "lcr/data/pixel_math.h"

namespace lcr {

/// One view to render, as it is copied to the device (made from ViewParameters by
/// make_view_task()).
struct ViewTask {
  std::int64_t image;        ///< offset of the source image's first byte
  std::int32_t image_width;  ///< pixels
  std::int32_t crop_x, crop_y, crop_width, crop_height;
  std::int32_t flip, bicubic, jitter, gray, solarise, blurs;  ///< 0 or 1
  std::int32_t order[4];  ///< of brightness 0, contrast 1, saturation 2, hue 3
  float brightness, contrast, saturation;
  std::int32_t hue_steps;
  BoxBlur box;
};

/// The buffers of a batch of `views` views of size x size pixels.
struct ViewBuffers {
  std::int64_t views, size;
  std::int64_t rows;  ///< at least the largest crop_height
  std::int64_t room;  ///< at least resize_taps() of every axis
  const std::uint8_t* pixels;
  const ViewTask* tasks;
  std::int64_t* first;    ///< views x 2 x size: where the weights of an output position begin (axis
                          ///< 0: across, 1: down)
  std::int32_t* count;    ///< the same: how many there are
  std::int32_t* weights;  ///< views x 2 x size x room
  std::uint8_t* middle;   ///< views x rows x size x 3
  std::uint8_t* out;      ///< views x size x size x 3
  std::uint8_t* scratch;  ///< as out
};

LCR_HOST_DEVICE std::int64_t weight_elements(const ViewBuffers& b) { return b.views * 2 * b.size; }
LCR_HOST_DEVICE void make_weights(const ViewBuffers& b, std::int64_t i) {
  const ViewTask& task = b.tasks[i / (2 * b.size)];
  const bool across = i / b.size % 2 == 0;
  const ResizeAxis axis =
      resize_axis(across ? task.crop_width : task.crop_height, b.size, task.bicubic != 0);
  b.count[i] = static_cast<std::int32_t>(
      resize_weights(axis, i % b.size, b.first[i], b.weights + i * b.room));
}

LCR_HOST_DEVICE std::int64_t across_elements(const ViewBuffers& b) {
  return b.views * b.rows * b.size;
}
LCR_HOST_DEVICE void resize_across(const ViewBuffers& b, std::int64_t i) {
  const std::int64_t view = i / (b.rows * b.size), y = i / b.size % b.rows, x = i % b.size,
                     at = view * 2 * b.size + x;
  const ViewTask& task = b.tasks[view];
  if (y >= task.crop_height) return;
  const std::uint8_t* source =
      b.pixels + task.image +
      ((task.crop_y + y) * task.image_width + task.crop_x + b.first[at]) * 3;
  for (int channel = 0; channel < 3; ++channel) {
    std::int32_t sum = 1 << (kResizePrecision - 1);
    for (std::int32_t k = 0; k < b.count[at]; ++k)
      sum += source[k * 3 + channel] * b.weights[at * b.room + k];
    b.middle[i * 3 + channel] = static_cast<std::uint8_t>(clip_byte(sum >> kResizePrecision));
  }
}

LCR_HOST_DEVICE std::int64_t view_elements(const ViewBuffers& b) {
  return b.views * b.size * b.size;
}
LCR_HOST_DEVICE void resize_down(const ViewBuffers& b, std::int64_t i) {
  const std::int64_t view = i / (b.size * b.size), y = i / b.size % b.size, x = i % b.size,
                     at = (view * 2 + 1) * b.size + y;
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

/// The colour stage of one view, by `threads` threads that call it together. add_up(value): the sum
/// of the value over all threads, on every thread, once all have come so far (whole numbers: any
/// order gives the same).
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
    for (std::int64_t i = thread; i < pixels;
         i += threads) {  // each thread comes back to its own pixels
      std::uint8_t* p = image + i * 3;
      int rgb[3] = {p[0], p[1], p[2]};
      if (operation == 3) {
        const HueSaturation colour = hue_saturation(rgb[0], rgb[1], rgb[2]);
        const int value = larger(larger(rgb[0], rgb[1]), rgb[2]),
                  hue = (colour.hue + task.hue_steps) & 255;
        for (int channel = 0; channel < 3; ++channel)
          p[channel] = static_cast<std::uint8_t>(
              channel_of(value, colour.saturation, hue_weight(hue, channel)));
      } else {
        const int base = operation == 0   ? 0
                         : operation == 1 ? grey_mean
                                          : luma(rgb[0], rgb[1], rgb[2]);
        const float factor = operation == 0   ? task.brightness
                             : operation == 1 ? task.contrast
                                              : task.saturation;
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

/// One of the blur's six passes: three across, then three down; even passes read `out` and write
/// `scratch`, odd ones the other way round. Views without blur stay where they are.
constexpr int kBlurStages = 2 * kBlurPasses;
LCR_HOST_DEVICE void blur_pass(const ViewBuffers& b, int pass, std::int64_t i) {
  const std::int64_t view = i / (b.size * b.size), y = i / b.size % b.size, x = i % b.size;
  const ViewTask& task = b.tasks[view];
  if (!task.blurs) return;
  const std::uint8_t* from = (pass % 2 == 0 ? b.out : b.scratch) + view * b.size * b.size * 3;
  std::uint8_t* to = (pass % 2 == 0 ? b.scratch : b.out) + i * 3;
  const bool across = pass < kBlurPasses;
  const std::int64_t step = across ? 3 : b.size * 3, place = across ? x : y;
  const std::uint8_t* line = from + (across ? y * b.size : x) * 3;
  for (int channel = 0; channel < 3; ++channel) {
    std::uint32_t whole = 0, ends = 0;
    for (int k = -task.box.radius - 1; k <= task.box.radius + 1; ++k) {
      const std::int64_t at = place + k < 0 ? 0 : place + k >= b.size ? b.size - 1 : place + k;
      const std::uint32_t value = line[at * step + channel];
      if (k < -task.box.radius || k > task.box.radius)
        ends += value;
      else
        whole += value;
    }
    to[channel] = box_blur_value(task.box, whole, ends);
  }
}

LCR_HOST_DEVICE void solarise_element(const ViewBuffers& b, std::int64_t i) {
  if (!b.tasks[i / (b.size * b.size)].solarise) return;
  for (int channel = 0; channel < 3; ++channel)
    b.out[i * 3 + channel] = static_cast<std::uint8_t>(solarise(int{b.out[i * 3 + channel]}));
}

}  // namespace lcr
