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

constexpr double kTile = 112, kGap = 4, kLabel = 150, kTop = 22, kBar = 70;  // pixels

double row_y(std::size_t row) { return kTop + static_cast<double>(row) * (kTile + kGap); }
double column_x(std::int64_t column) {
  return kLabel + static_cast<double>(column) * (kTile + kGap);
}

/// The projections shown: of `ranked`, by falling variance, the first `high` and the last `low`.
struct Shown {
  std::vector<std::int64_t> projections;
  std::int64_t high, low, count;  ///< count: of all
};

Shown choose(const std::vector<std::int64_t>& ranked) {
  const auto count = static_cast<std::int64_t>(ranked.size());
  const std::int64_t high = std::min<std::int64_t>(3, std::max<std::int64_t>(1, count / 2));
  const std::int64_t low = std::min(high, count - high);
  std::vector<std::int64_t> projections(ranked.begin(), ranked.begin() + high);
  projections.insert(projections.end(), ranked.end() - low, ranked.end());
  return {projections, high, low, count};
}

/// The maps of the projections, each scaled to [0, 1] and to the views' size: M x shown x side x
/// side, on the CPU.
torch::Tensor scaled_maps(const EvaluatedNetwork& network, std::int64_t count,
                          const RenderView& render, const std::vector<std::int64_t>& projections) {
  const std::int64_t side = network.options.get<InputOptions>().image_size;
  GradCamFittingBranch gfb = network.gfb;
  torch::Tensor maps;
  for_each_feature_map(network, count, render, [&](const torch::Tensor& map, std::int64_t) {
    const torch::Tensor selected = gfb->projections(map).index_select(
        1, torch::tensor(projections, torch::kLong).to(map.device()));
    const torch::Tensor shifted = selected - selected.amin({2, 3}, true);
    // A constant map stays 0 everywhere.
    const torch::Tensor scaled = shifted / shifted.amax({2, 3}, true).clamp_min(1e-12);
    const torch::Tensor resized =
        at::upsample_bilinear2d(scaled, {side, side}, /*align_corners=*/false).cpu();
    maps = maps.defined() ? torch::cat({maps, resized}) : resized;
  });
  return maps.contiguous();
}

/// The text to the left of each row.
void draw_labels(Picture& picture, const Shown& shown, const torch::Tensor& variance) {
  picture.text(6, row_y(0) + kTile / 2, "image");
  for (std::size_t r = 0; r < shown.projections.size(); ++r) {
    const auto row = static_cast<std::int64_t>(r);
    const bool high = row < shown.high;
    const std::int64_t rank = high ? row + 1 : shown.count - shown.low + 1 + row - shown.high;
    const std::int64_t projection = shown.projections[r];
    const double y = row_y(r + 1) + kTile / 2;
    picture.text(6, y - 14, fmt::format("{} variance, rank {}", high ? "high" : "low", rank));
    picture.text(6, y, fmt::format("projection {} of {}", projection, shown.count));
    picture.text(6, y + 14, fmt::format("variance {:.3g}", variance[projection].item<double>()));
  }
}

/// The meaning of the colours within one map, to the right of the columns.
void draw_colour_bar(Picture& picture, std::int64_t columns) {
  const double x = column_x(columns) + 10;
  const double top = row_y(1), height = 2 * kTile;
  for (int i = 0; i < 64; ++i)
    picture.fill(x, top + height * i / 64.0, 12, height / 64 + 1, heat_colour(1 - (i + 0.5) / 64));
  picture.text(x + 16, top + 9, "max");
  picture.text(x + 16, top + height, "min");
  picture.text(x, top + height + 16, "of each");
  picture.text(x, top + height + 29, "map");
}

}  // namespace

void draw_projection_panel(const EvaluatedNetwork& network, const ImageSet& images,
                           const std::vector<std::int64_t>& ranked, const torch::Tensor& variance,
                           std::int64_t columns, std::uint64_t seed,
                           const std::filesystem::path& path) {
  const std::int64_t side = network.options.get<InputOptions>().image_size;
  const Shown shown = choose(ranked);
  const auto order = random_permutation(CounterRng(RngKey(seed, "panel")), images.count());
  columns = std::min(columns, images.count());
  const std::vector<std::int64_t> samples(order.begin(), order.begin() + columns);
  const ImageSet chosen = subset(images, samples);
  const RenderView render = test_views(chosen, network.options);
  const torch::Tensor maps = scaled_maps(network, columns, render, shown.projections);

  Picture picture(static_cast<std::int64_t>(column_x(columns) + kBar),
                  static_cast<std::int64_t>(row_y(shown.projections.size() + 1)));
  draw_labels(picture, shown, variance);
  const double scale = kTile / static_cast<double>(side);
  std::vector<std::uint8_t> view(static_cast<std::size_t>(side * side * 3));
  for (std::int64_t c = 0; c < columns; ++c) {
    const double x = column_x(c);
    picture.text(x, kTop - 6,
                 fmt::format("#{} class {}", samples[static_cast<std::size_t>(c)],
                             chosen.labels[static_cast<std::size_t>(c)]));
    render(c, view);
    picture.image(view, side, side, x, row_y(0), scale);
    for (std::size_t r = 0; r < shown.projections.size(); ++r) {
      const torch::Tensor map = maps[c][static_cast<std::int64_t>(r)];
      picture.image(heat_over(map.data_ptr<float>(), view, side), side, side, x, row_y(r + 1),
                    scale);
    }
  }
  draw_colour_bar(picture, columns);
  picture.write(path);
}

}  // namespace lcr
