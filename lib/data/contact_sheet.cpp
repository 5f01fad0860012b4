#include "lcr/data/contact_sheet.h"

#include <cairo.h>

#include <algorithm>
#include <memory>

#include "lcr/base/error.h"
#include "lcr/base/rng.h"
#include "lcr/data/augment.h"
#include "lcr/data/image_file.h"

namespace lcr {
namespace {

using Surface = std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)>;
using Context = std::unique_ptr<cairo_t, void (*)(cairo_t*)>;

/// An RGB image as a Cairo surface.
Surface make_surface(std::span<const std::uint8_t> rgb, std::int64_t height, std::int64_t width) {
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width), static_cast<int>(height)), cairo_surface_destroy);
  if (cairo_surface_status(surface.get()) != CAIRO_STATUS_SUCCESS) fail("a picture of {} x {} pixels cannot be made", width, height);
  cairo_surface_flush(surface.get());
  auto* data = cairo_image_surface_get_data(surface.get());
  const int stride = cairo_image_surface_get_stride(surface.get());
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x) {
      const std::uint8_t* p = &rgb[static_cast<std::size_t>((y * width + x) * 3)];
      reinterpret_cast<std::uint32_t*>(data + y * stride)[x] = (std::uint32_t{p[0]} << 16) | (std::uint32_t{p[1]} << 8) | p[2];
    }
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

void paint(cairo_t* cairo, const Surface& surface, double x, double y, double scale) {
  cairo_save(cairo);
  cairo_translate(cairo, x, y);
  cairo_scale(cairo, scale, scale);
  cairo_set_source_surface(cairo, surface.get(), 0, 0);
  cairo_paint(cairo);
  cairo_restore(cairo);
}

void write_text(cairo_t* cairo, double x, double y, const std::string& text) {
  cairo_set_source_rgb(cairo, 0.1, 0.1, 0.1);
  cairo_move_to(cairo, x, y);
  // Class names come from file names, in whatever encoding: Cairo refuses to draw anything after a text that is not UTF-8.
  std::string shown = text;
  for (auto& letter : shown)
    if (static_cast<unsigned char>(letter) >= 128 || static_cast<unsigned char>(letter) < 32) letter = '?';
  cairo_show_text(cairo, shown.c_str());
}

}  // namespace

void draw_contact_sheet(const ImageSet& set, const std::vector<std::string>& class_names, const Options& options, const ContactSheetOptions& sheet, const std::filesystem::path& path) {
  constexpr double kGap = 6, kText = 16;
  if (set.count() < 1) fail("there are no images to show");
  const std::int64_t rows = std::min(sheet.images, set.count()), size = options.image_size;
  const auto tile = static_cast<double>(std::max<std::int64_t>(size, 96));
  const auto width = static_cast<int>(kGap + static_cast<double>(sheet.views + 2) * (tile + kGap)), height = static_cast<int>(kText + static_cast<double>(rows) * (tile + kText + kGap));
  const Surface canvas(cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height), cairo_surface_destroy);
  if (cairo_surface_status(canvas.get()) != CAIRO_STATUS_SUCCESS) fail("a picture of {} x {} pixels cannot be made: ask for fewer images or views", width, height);
  const Context context(cairo_create(canvas.get()), cairo_destroy);
  cairo_t* cairo = context.get();
  cairo_set_source_rgb(cairo, 1, 1, 1);
  cairo_paint(cairo);
  cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo, 11);
  const auto column = [&](std::int64_t c) { return kGap + static_cast<double>(c) * (tile + kGap); };
  write_text(cairo, column(1), kText - 4, "test view");
  for (std::int64_t v = 0; v < sheet.views; ++v) write_text(cairo, column(v + 2), kText - 4, v % 2 == 0 ? "query view" : "key view");

  const auto order = random_permutation(CounterRng(RngKey(sheet.seed, "contact sheet")), set.count());
  const RngKey key(sheet.seed, "augmentation");
  const auto part_count = static_cast<std::int64_t>(set.parts.size()) / set.count();
  std::vector<std::uint8_t> view(static_cast<std::size_t>(size * size * 3));
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t sample = order[static_cast<std::size_t>(row)];
    const ImageView image = set.image(sample);
    const double y = kText + static_cast<double>(row) * (tile + kText + kGap) + kText, text_y = y - 4;
    const auto label = static_cast<std::size_t>(set.labels[static_cast<std::size_t>(sample)]);
    write_text(cairo, kGap, text_y, fmt::format("{} #{}  {} x {}", label < class_names.size() ? class_names[label] : fmt::format("class {}", label), sample, image.width, image.height));
    const double w = static_cast<double>(image.width), h = static_cast<double>(image.height), scale = tile / std::max(w, h);
    paint(cairo, make_surface(image.pixels, image.height, image.width), column(0), y, scale);
    if (!set.boxes.empty()) {
      const FractionBox& box = set.boxes[static_cast<std::size_t>(sample)];
      cairo_set_source_rgb(cairo, 1, 0.8, 0);
      cairo_set_line_width(cairo, 1.5);
      cairo_rectangle(cairo, column(0) + box.left * w * scale, y + box.top * h * scale, (box.right - box.left) * w * scale, (box.bottom - box.top) * h * scale);
      cairo_stroke(cairo);
    }
    cairo_set_source_rgb(cairo, 0.9, 0, 0.6);
    for (std::int64_t p = 0; p < part_count; ++p) {
      const FractionPoint& part = set.parts[static_cast<std::size_t>(sample * part_count + p)];
      if (!part.visible) continue;
      cairo_arc(cairo, column(0) + part.x * w * scale, y + part.y * h * scale, 2, 0, 6.2832);
      cairo_fill(cairo);
    }
    const double view_scale = tile / static_cast<double>(size);
    render_test_view(image.pixels, image.height, image.width, options.test_resize, size, view);
    paint(cairo, make_surface(view, size, size), column(1), y, view_scale);
    for (std::int64_t v = 0; v < sheet.views; ++v) {
      const auto which = static_cast<std::uint32_t>(v % 2);  // the views of epochs 0, 1, 2...
      const CounterRng rng(key, static_cast<std::uint32_t>(v / 2), static_cast<std::uint32_t>(sample), which);
      render_view(image.pixels, image.height, image.width, draw_view(rng, image.height, image.width, training_recipe(options, static_cast<int>(which))), size, view);
      paint(cairo, make_surface(view, size, size), column(v + 2), y, view_scale);
    }
  }
  if (cairo_status(cairo) != CAIRO_STATUS_SUCCESS) fail("the picture cannot be drawn: {}", cairo_status_to_string(cairo_status(cairo)));
  cairo_surface_flush(canvas.get());
  const auto* data = cairo_image_surface_get_data(canvas.get());
  const int stride = cairo_image_surface_get_stride(canvas.get());
  std::vector<std::uint8_t> rgb;
  for (int yy = 0; yy < height; ++yy)
    for (int xx = 0; xx < width; ++xx) {
      const std::uint32_t p = reinterpret_cast<const std::uint32_t*>(data + yy * stride)[xx];
      for (const int shift : {16, 8, 0}) rgb.push_back(static_cast<std::uint8_t>(p >> shift));
    }
  write_png(path, rgb, height, width);
}

}  // namespace lcr
