#include "lcr/image/view_options.h"

#include "lcr/base/error.h"
#include "lcr/config/section.h"

namespace lcr {

namespace {

bool blurs(const Options& options) {
  const auto& views = options.get<ViewOptions>();
  return views.blur_probability > 0 || views.augmentation == "byol";
}

const Condition kJitters{
    [](const Options& o) { return o.get<ViewOptions>().jitter_probability > 0; },
    "jitter-probability > 0"};
const Condition kMocoViews{
    [](const Options& o) { return o.get<ViewOptions>().augmentation == "moco_v2"; },
    "augmentation = moco_v2"};
const Condition kBlurs{blurs, "blur-probability > 0 or augmentation = byol"};

}  // namespace

std::vector<OptionSpec> input_options() {
  Section<InputOptions> s("Data");
  s.number("image-size", &InputOptions::image_size, "pixels", "side of the square network input", 8,
           1024);
  s.number("test-resize", &InputOptions::test_resize, "pixels",
           "length to which the short side of a test image is resized before the centre crop "
           "(0: image-size)",
           0, 2048);
  s.choice("test-interpolation", &InputOptions::test_interpolation,
           "interpolation that resizes test images and the linear probe's crops; bicubic: as the "
           "authors' BYOL",
           {"bilinear", "bicubic"});
  return s.rows();
}

std::vector<OptionSpec> view_options() {
  Section<ViewOptions> s("Augmentation");
  s.choice("augmentation", &ViewOptions::augmentation,
           "recipe of the random views; moco_v2: the same for both views; byol: bicubic "
           "resizing, the query view always blurred, the key view blurred with probability 0.1 "
           "and solarised with probability 0.2",
           {"moco_v2", "byol"});
  s.number("crop-area-min", &ViewOptions::crop_area_min, "",
           "smallest area of the random resized crop, as a fraction of the image; the largest "
           "is 1, the aspect ratio 3/4 to 4/3",
           0.01, 1);
  s.number("jitter-probability", &ViewOptions::jitter_probability, "",
           "probability of colour jitter", 0, 1);
  s.number("jitter-brightness", &ViewOptions::jitter_brightness, "",
           "brightness jitter x: the factor is drawn from 1-x to 1+x", 0, 1, kJitters);
  s.number("jitter-contrast", &ViewOptions::jitter_contrast, "",
           "contrast jitter x: the factor is drawn from 1-x to 1+x", 0, 1, kJitters);
  s.number("jitter-saturation", &ViewOptions::jitter_saturation, "",
           "saturation jitter x: the factor is drawn from 1-x to 1+x", 0, 1, kJitters);
  s.number("jitter-hue", &ViewOptions::jitter_hue, "turns",
           "hue jitter x: the shift is drawn from -x to x; the colour circle is 1 turn", 0, 0.5,
           kJitters);
  s.number("gray-probability", &ViewOptions::gray_probability, "", "probability of turning grey", 0,
           1);
  s.number("blur-probability", &ViewOptions::blur_probability, "", "probability of Gaussian blur",
           0, 1, kMocoViews);
  s.number("blur-sigma-min", &ViewOptions::blur_sigma_min, "pixels",
           "smallest standard deviation of the blur", 0, 100, kBlurs);
  s.number("blur-sigma-max", &ViewOptions::blur_sigma_max, "pixels",
           "largest standard deviation of the blur", 0, 100, kBlurs);
  s.choice("gaussian-blur", &ViewOptions::gaussian_blur,
           "arithmetic of the blur. pillow: three box blurs, as MoCo. torchvision: a kernel of 2 "
           "floor(image-size / 20) + 1 pixels, as the authors' BYOL",
           {"pillow", "torchvision"}, kBlurs);
  s.number("flip-probability", &ViewOptions::flip_probability, "",
           "probability of a horizontal flip", 0, 1);
  return s.rows();
}

void check_input(const Options& options) {
  const auto& input = options.get<InputOptions>();
  if (input.test_resize != 0 && input.test_resize < input.image_size)
    fail("test-resize = {} is below image-size = {}: the crop would not fit; raise test-resize",
         input.test_resize, input.image_size);
}

void check_views(const Options& options) {
  const auto& views = options.get<ViewOptions>();
  if (views.blur_sigma_min > views.blur_sigma_max)
    fail("blur-sigma-min = {} is above blur-sigma-max = {}", views.blur_sigma_min,
         views.blur_sigma_max);
  if (blurs(options) && views.gaussian_blur == "torchvision" && views.blur_sigma_min < 0.01)
    fail("blur-sigma-min = {}: gaussian-blur = torchvision needs at least 0.01",
         views.blur_sigma_min);
}

}  // namespace lcr
