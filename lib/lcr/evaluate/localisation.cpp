#include "lcr/evaluate/localisation.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "lcr/base/error.h"

namespace lcr {

void Localisation::add(const torch::Tensor& maps, const torch::Tensor& regions) {
  if (!torch::isfinite(maps).all().item<bool>())
    fail("localisation: some attention maps are NaN or infinite");
  const std::int64_t count = regions.size(0), side = regions.size(1), pixels = side * side;
  const torch::Tensor resized = at::upsample_bilinear2d(maps.to(torch::kFloat32).unsqueeze(1),
                                                        {side, side}, /*align_corners=*/false)
                                    .cpu()
                                    .contiguous();
  const torch::Tensor packed = regions.contiguous();
  for (std::int64_t n = 0; n < count; ++n) {
    const float* map = resized.data_ptr<float>() + n * pixels;
    const std::uint8_t* region = packed.data_ptr<std::uint8_t>() + n * pixels;
    const auto inside_pixels = static_cast<double>(std::count(region, region + pixels, 1));
    if (inside_pixels == 0) {
      ++cut_off_;
      continue;
    }
    ++images_;
    const double area = inside_pixels / static_cast<double>(pixels);
    area_ += area;
    const auto [low, high] = std::minmax_element(map, map + pixels);
    double sum = 0, sum_inside = 0, maxima = 0, maxima_inside = 0;
    // Pixel counts by the highest threshold that they reach.
    std::array<double, kThresholds> all{};
    std::array<double, kThresholds> inside{};
    for (std::int64_t p = 0; p < pixels; ++p) {
      sum += map[p];
      const bool on = region[p] != 0;
      if (on) sum_inside += map[p];
      if (map[p] == *high) {
        maxima += 1;
        maxima_inside += on;
      }
      double scaled = 0;
      if (*high > *low)
        scaled = (static_cast<double>(map[p]) - *low) / (static_cast<double>(*high) - *low);
      const auto bin = static_cast<std::size_t>(
          std::min<std::int64_t>(kThresholds - 1, static_cast<std::int64_t>(scaled * kThresholds)));
      all[bin] += 1;
      inside[bin] += on;
    }
    pointing_ += maxima_inside / maxima;
    mass_ += sum > 0 ? sum_inside / sum : area;
    double reached = 0, reached_inside = 0;
    for (std::size_t t = kThresholds; t-- > 0;) {
      reached += all[t];
      reached_inside += inside[t];
      iou_[t] += reached_inside / (inside_pixels + reached - reached_inside);
    }
  }
}

LocalisationScores Localisation::scores() const {
  if (images_ == 0) fail("localisation: none of the {} views shows its object", cut_off_);
  const double percent = 100.0 / static_cast<double>(images_);
  const auto best = std::max_element(iou_.begin(), iou_.end());
  return {.pointing = pointing_ * percent,
          .mass = mass_ * percent,
          .iou = *best * percent,
          .threshold = static_cast<double>(best - iou_.begin()) / kThresholds,
          .area = area_ * percent,
          .images = images_,
          .cut_off = cut_off_};
}

}  // namespace lcr
