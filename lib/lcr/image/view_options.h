// Options of the images that a network sees: the test views and the random views of the training.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/config/options.h"

namespace lcr {

/// The network's input, and the views of test images.
struct InputOptions {
  std::int64_t image_size = 28, test_resize = 0;
  std::string test_interpolation = "bilinear";
};

/// The random views of the training.
struct ViewOptions {
  std::string augmentation = "moco_v2";
  double crop_area_min = 0.2;
  double jitter_probability = 0.8, jitter_brightness = 0.4, jitter_contrast = 0.4,
         jitter_saturation = 0.4, jitter_hue = 0.1;
  double gray_probability = 0.2, blur_probability = 0.5, blur_sigma_min = 0.1, blur_sigma_max = 2.0,
         flip_probability = 0.5;
  std::string gaussian_blur = "pillow";
};

std::vector<OptionSpec> input_options();
std::vector<OptionSpec> view_options();

/// Check constraints between the options. Throw UserError.
void check_input(const Options& options);
void check_views(const Options& options);

}  // namespace lcr
