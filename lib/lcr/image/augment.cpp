#include "lcr/image/augment.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "lcr/base/error.h"
#include "lcr/image/view_options.h"

namespace lcr {
namespace {

Box draw_crop(CounterRng& rng, std::int64_t height, std::int64_t width, double area_min) {
  constexpr double kAspectMin = 3.0 / 4.0, kAspectMax = 4.0 / 3.0;
  const double area = static_cast<double>(height * width);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * rng.uniform(area_min, 1.0);
    const double aspect = std::exp(rng.uniform(std::log(kAspectMin), std::log(kAspectMax)));
    const auto w = static_cast<std::int64_t>(std::nearbyint(std::sqrt(target * aspect)));
    const auto h = static_cast<std::int64_t>(std::nearbyint(std::sqrt(target / aspect)));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const auto y = static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(height - h + 1)));
    const auto x = static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(width - w + 1)));
    return {x, y, w, h};
  }
  const double ratio = static_cast<double>(width) / static_cast<double>(height);
  std::int64_t w = width, h = height;
  if (ratio < kAspectMin)
    h = static_cast<std::int64_t>(std::nearbyint(static_cast<double>(w) / kAspectMin));
  else if (ratio > kAspectMax)
    w = static_cast<std::int64_t>(std::nearbyint(static_cast<double>(h) * kAspectMax));
  return {(width - w) / 2, (height - h) / 2, w, h};
}

Interpolation test_interpolation(const Options& o) {
  return o.get<InputOptions>().test_interpolation == "bicubic" ? Interpolation::kBicubic
                                                               : Interpolation::kBilinear;
}

}  // namespace

ViewRecipe training_recipe(const Options& options, int view) {
  const auto& o = options.get<ViewOptions>();
  ViewRecipe recipe{.crop_area_min = o.crop_area_min,
                    .jitter_probability = o.jitter_probability,
                    .brightness = o.jitter_brightness,
                    .contrast = o.jitter_contrast,
                    .saturation = o.jitter_saturation,
                    .hue = o.jitter_hue,
                    .gray_probability = o.gray_probability,
                    .blur_probability = o.blur_probability,
                    .blur_sigma_min = o.blur_sigma_min,
                    .blur_sigma_max = o.blur_sigma_max,
                    .flip_probability = o.flip_probability};
  if (o.augmentation == "byol") {
    recipe.interpolation = Interpolation::kBicubic;
    recipe.blur_probability = view == 0 ? 1.0 : 0.1;
    recipe.solarise_probability = view == 0 ? 0.0 : 0.2;
  }
  // As the authors' BYOL derives it: 23 pixels at 224.
  if (o.gaussian_blur == "torchvision")
    recipe.blur_kernel = options.get<InputOptions>().image_size / 20 * 2 + 1;
  return recipe;
}

ViewRecipe probe_recipe(const Options& o) {
  return {.crop_area_min = 0.08, .flip_probability = 0.5, .interpolation = test_interpolation(o)};
}

ViewParameters draw_view(CounterRng rng, std::int64_t height, std::int64_t width,
                         const ViewRecipe& recipe) {
  ViewParameters view;
  view.interpolation = recipe.interpolation;
  view.blur_kernel = recipe.blur_kernel;
  view.crop = draw_crop(rng, height, width, recipe.crop_area_min);
  view.jitter = rng.chance(recipe.jitter_probability);
  if (view.jitter) {
    for (std::size_t i = 4; i > 1; --i)
      std::swap(view.jitter_order[i - 1],
                view.jitter_order[rng.below(static_cast<std::uint32_t>(i))]);
    view.brightness = static_cast<float>(rng.uniform(1 - recipe.brightness, 1 + recipe.brightness));
    view.contrast = static_cast<float>(rng.uniform(1 - recipe.contrast, 1 + recipe.contrast));
    view.saturation = static_cast<float>(rng.uniform(1 - recipe.saturation, 1 + recipe.saturation));
    view.hue = rng.uniform(-recipe.hue, recipe.hue);
  }
  view.gray = rng.chance(recipe.gray_probability);
  if (rng.chance(recipe.blur_probability))
    view.blur_sigma = rng.uniform(recipe.blur_sigma_min, recipe.blur_sigma_max);
  view.flip = rng.chance(recipe.flip_probability);
  view.solarise = rng.chance(recipe.solarise_probability);
  return view;
}

void render_view(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width,
                 const ViewParameters& view, std::int64_t size, std::span<std::uint8_t> out) {
  crop_resize(image, height, width, view.crop, size, size, out, view.interpolation);
  if (view.flip) flip_horizontal(out, size);
  if (view.jitter) {
    for (const auto operation : view.jitter_order) {
      switch (operation) {
        case 0: adjust_brightness(out, view.brightness); break;
        case 1: adjust_contrast(out, view.contrast); break;
        case 2: adjust_saturation(out, view.saturation); break;
        default: adjust_hue(out, view.hue);
      }
    }
  }
  if (view.gray) to_gray(out);
  if (view.blur_sigma > 0) {
    if (view.blur_kernel == 0)
      gaussian_blur(out, size, size, view.blur_sigma);
    else
      gaussian_blur_by_kernel(out, size, size, gaussian_kernel(view.blur_sigma, view.blur_kernel));
  }
  if (view.solarise) solarise(out);
}

ImageSize with_short_side(std::int64_t height, std::int64_t width, std::int64_t side) {
  const std::int64_t low = std::min(height, width);
  return {height == low ? side : side * height / low, width == low ? side : side * width / low};
}

TestTransform test_transform(const Options& o) {
  return {.resize = o.get<InputOptions>().test_resize,
          .size = o.get<InputOptions>().image_size,
          .interpolation = test_interpolation(o)};
}

TestGeometry test_geometry(std::int64_t height, std::int64_t width,
                           const TestTransform& transform) {
  const std::int64_t size = transform.size;
  const std::int64_t side = transform.resize > 0 ? transform.resize : size;
  check_internal(side >= size, "a test view larger than the resized image");
  const auto [resized_height, resized_width] = with_short_side(height, width, side);
  // The centre crop's offset is rounded half to even, as torchvision does.
  const auto offset = [&](std::int64_t length) {
    return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(length - size) / 2.0));
  };
  return {resized_height, resized_width, offset(resized_height), offset(resized_width)};
}

void render_test_view(std::span<const std::uint8_t> image, std::int64_t height, std::int64_t width,
                      const TestTransform& transform, std::span<std::uint8_t> out) {
  const std::int64_t size = transform.size;
  const TestGeometry geometry = test_geometry(height, width, transform);
  std::vector<std::uint8_t> resized(static_cast<std::size_t>(geometry.height * geometry.width * 3));
  crop_resize(image, height, width, {0, 0, width, height}, geometry.height, geometry.width, resized,
              transform.interpolation);
  for (std::int64_t y = 0; y < size; ++y)
    std::copy_n(resized.begin() + ((geometry.top + y) * geometry.width + geometry.left) * 3,
                size * 3, out.begin() + y * size * 3);
}

}  // namespace lcr
