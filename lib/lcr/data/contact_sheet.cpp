#include "lcr/data/contact_sheet.h"

#include <algorithm>

#include "lcr/base/error.h"
#include "lcr/base/rng.h"
#include "lcr/image/augment.h"
#include "lcr/image/picture.h"
#include "lcr/image/view_options.h"

namespace lcr {

void draw_contact_sheet(const ImageSet& set, const std::vector<std::string>& class_names,
                        const Options& options, const ContactSheetOptions& sheet,
                        const std::filesystem::path& path) {
  constexpr double kGap = 6, kText = 16;
  if (set.count() < 1) fail("there are no images to show");
  const std::int64_t rows = std::min(sheet.images, set.count());
  const std::int64_t size = options.get<InputOptions>().image_size;
  const auto tile = static_cast<double>(std::max<std::int64_t>(size, 96));
  const double sheet_width = kGap + static_cast<double>(sheet.views + 2) * (tile + kGap);
  const double sheet_height = kText + static_cast<double>(rows) * (tile + kText + kGap);
  Picture picture(static_cast<std::int64_t>(sheet_width), static_cast<std::int64_t>(sheet_height));
  const auto column = [&](std::int64_t c) { return kGap + static_cast<double>(c) * (tile + kGap); };
  picture.text(column(1), kText - 4, "test view");
  for (std::int64_t v = 0; v < sheet.views; ++v)
    picture.text(column(v + 2), kText - 4, v % 2 == 0 ? "query view" : "key view");

  const auto order =
      random_permutation(CounterRng(RngKey(sheet.seed, "contact sheet")), set.count());
  const RngKey key(sheet.seed, "augmentation");
  const auto part_count = static_cast<std::int64_t>(set.parts.size()) / set.count();
  std::vector<std::uint8_t> view(static_cast<std::size_t>(size * size * 3));
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t sample = order[static_cast<std::size_t>(row)];
    const ImageView image = set.image(sample);
    const double y = kText + static_cast<double>(row) * (tile + kText + kGap) + kText;
    const auto label = static_cast<std::size_t>(set.labels[static_cast<std::size_t>(sample)]);
    const std::string class_name =
        label < class_names.size() ? class_names[label] : fmt::format("class {}", label);
    picture.text(kGap, y - 4,
                 fmt::format("{} #{}  {} x {}", class_name, sample, image.width, image.height));
    const auto w = static_cast<double>(image.width);
    const auto h = static_cast<double>(image.height);
    const double scale = tile / std::max(w, h);
    picture.image(image.pixels, image.height, image.width, column(0), y, scale);
    if (!set.boxes.empty()) {
      const FractionBox& box = set.boxes[static_cast<std::size_t>(sample)];
      picture.outline(column(0) + box.left * w * scale, y + box.top * h * scale,
                      (box.right - box.left) * w * scale, (box.bottom - box.top) * h * scale,
                      {1, 0.8, 0});
    }
    for (std::int64_t p = 0; p < part_count; ++p) {
      const FractionPoint& part = set.parts[static_cast<std::size_t>(sample * part_count + p)];
      if (part.visible)
        picture.dot(column(0) + part.x * w * scale, y + part.y * h * scale, 2, {0.9, 0, 0.6});
    }
    const double view_scale = tile / static_cast<double>(size);
    render_test_view(image.pixels, image.height, image.width, test_transform(options), view);
    picture.image(view, size, size, column(1), y, view_scale);
    for (std::int64_t v = 0; v < sheet.views; ++v) {
      const auto which = static_cast<std::uint32_t>(v % 2);  // both views of epochs 0, 1, 2...
      const CounterRng rng(key, static_cast<std::uint32_t>(v / 2),
                           static_cast<std::uint32_t>(sample), which);
      const ViewRecipe recipe = training_recipe(options, static_cast<int>(which));
      const ViewParameters drawn = draw_view(rng, image.height, image.width, recipe);
      render_view(image.pixels, image.height, image.width, drawn, size, view);
      picture.image(view, size, size, column(v + 2), y, view_scale);
    }
  }
  picture.write(path);
}

}  // namespace lcr
