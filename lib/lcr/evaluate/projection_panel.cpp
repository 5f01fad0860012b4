#include "lcr/evaluate/projection_panel.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <fmt/core.h>

#include "lcr/base/rng.h"
#include "lcr/image/picture.h"
#include "lcr/image/view_options.h"

namespace lcr {
namespace {

constexpr double kMapShare = 0.65;  // share of the map's colour; the rest is the greyed view

/// The heat of one map (side x side, in [0, 1]) over the greyed view.
std::vector<std::uint8_t> heat_over(const float* map, const std::vector<std::uint8_t>& view,
                                    std::int64_t side) {
  std::vector<std::uint8_t> out(view.size());
  for (std::int64_t p = 0; p < side * side; ++p) {
    const auto at = static_cast<std::size_t>(p * 3);
    const double gray = (0.299 * view[at] + 0.587 * view[at + 1] + 0.114 * view[at + 2]) / 255;
    const Colour heat = heat_colour(map[p]);
    const auto mix = [&](double channel) {
      return static_cast<std::uint8_t>(255 * (kMapShare * channel + (1 - kMapShare) * gray));
    };
    out[at] = mix(heat.red);
    out[at + 1] = mix(heat.green);
    out[at + 2] = mix(heat.blue);
  }
  return out;
}

}  // namespace

void draw_projection_panel(const EvaluatedNetwork& network, const ImageSet& images,
                           const std::vector<std::int64_t>& ranked, const torch::Tensor& variance,
                           std::int64_t columns, std::uint64_t seed,
                           const std::filesystem::path& path) {
  constexpr double kTile = 112, kGap = 4, kLabel = 150, kTop = 22, kBar = 70;
  const auto count = static_cast<std::int64_t>(ranked.size());
  const std::int64_t each = std::min<std::int64_t>(3, std::max<std::int64_t>(1, count / 2));
  const std::int64_t low = std::min(each, count - each);
  const std::int64_t side = network.options.get<InputOptions>().image_size;
  std::vector<std::int64_t> shown(ranked.begin(), ranked.begin() + each);
  shown.insert(shown.end(), ranked.end() - low, ranked.end());

  const auto order = random_permutation(CounterRng(RngKey(seed, "panel")), images.count());
  columns = std::min(columns, images.count());
  const std::vector<std::int64_t> samples(order.begin(), order.begin() + columns);
  const ImageSet chosen = subset(images, samples);
  const RenderView render = test_views(chosen, network.options);
  GradCamFittingBranch gfb = network.gfb;
  torch::Tensor maps;  // columns x shown x side x side
  for_each_feature_map(network, columns, render, [&](const torch::Tensor& map, std::int64_t) {
    const torch::Tensor selected =
        gfb->projections(map).index_select(1, torch::tensor(shown, torch::kLong).to(map.device()));
    const torch::Tensor shifted = selected - selected.amin({2, 3}, true);
    // A constant map stays 0 everywhere.
    const torch::Tensor scaled = shifted / shifted.amax({2, 3}, true).clamp_min(1e-12);
    const torch::Tensor resized =
        at::upsample_bilinear2d(scaled, {side, side}, /*align_corners=*/false).cpu();
    maps = maps.defined() ? torch::cat({maps, resized}) : resized;
  });
  maps = maps.contiguous();

  const auto rows = static_cast<double>(shown.size() + 1);
  Picture picture(
      static_cast<std::int64_t>(kLabel + static_cast<double>(columns) * (kTile + kGap) + kBar),
      static_cast<std::int64_t>(kTop + rows * (kTile + kGap)));
  const double scale = kTile / static_cast<double>(side);
  const auto row_y = [&](std::size_t row) {
    return kTop + static_cast<double>(row) * (kTile + kGap);
  };
  picture.text(6, row_y(0) + kTile / 2, "image");
  for (std::size_t r = 0; r < shown.size(); ++r) {
    const auto row = static_cast<std::int64_t>(r);
    const bool high = row < each;
    const std::int64_t rank = high ? row + 1 : count - low + 1 + row - each;
    const double y = row_y(r + 1) + kTile / 2;
    picture.text(6, y - 14, fmt::format("{} variance, rank {}", high ? "high" : "low", rank));
    picture.text(6, y, fmt::format("projection {} of {}", shown[r], count));
    picture.text(6, y + 14, fmt::format("variance {:.3g}", variance[shown[r]].item<double>()));
  }
  std::vector<std::uint8_t> view(static_cast<std::size_t>(side * side * 3));
  for (std::int64_t c = 0; c < columns; ++c) {
    const double x = kLabel + static_cast<double>(c) * (kTile + kGap);
    picture.text(x, kTop - 6,
                 fmt::format("#{} class {}", samples[static_cast<std::size_t>(c)],
                             chosen.labels[static_cast<std::size_t>(c)]));
    render(c, view);
    picture.image(view, side, side, x, row_y(0), scale);
    for (std::size_t r = 0; r < shown.size(); ++r) {
      const torch::Tensor map = maps[c][static_cast<std::int64_t>(r)];
      picture.image(heat_over(map.data_ptr<float>(), view, side), side, side, x, row_y(r + 1),
                    scale);
    }
  }
  // The colour bar: the meaning of the colours within one map.
  const double bar_x = kLabel + static_cast<double>(columns) * (kTile + kGap) + 10;
  const double bar_top = row_y(1);
  const double bar_height = 2 * kTile;
  for (int i = 0; i < 64; ++i)
    picture.fill(bar_x, bar_top + bar_height * i / 64.0, 12, bar_height / 64 + 1,
                 heat_colour(1 - (i + 0.5) / 64));
  picture.text(bar_x + 16, bar_top + 9, "max");
  picture.text(bar_x + 16, bar_top + bar_height, "min");
  picture.text(bar_x, bar_top + bar_height + 16, "of each");
  picture.text(bar_x, bar_top + bar_height + 29, "map");
  picture.write(path);
}

}  // namespace lcr
