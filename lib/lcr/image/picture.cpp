#include "lcr/image/picture.h"

#include <algorithm>
#include <array>
#include <vector>

#include <cairo.h>

#include "lcr/base/error.h"
#include "lcr/image/png_file.h"

namespace lcr {
namespace {

using Surface = std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)>;

Surface make_surface(std::int64_t width, std::int64_t height) {
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width),
                                             static_cast<int>(height)),
                  cairo_surface_destroy);
  if (cairo_surface_status(surface.get()) != CAIRO_STATUS_SUCCESS)
    fail("a picture of {} x {} pixels cannot be created: ask for fewer or smaller images", width,
         height);
  return surface;
}

void set_colour(cairo_t* cairo, Colour colour) {
  cairo_set_source_rgb(cairo, colour.red, colour.green, colour.blue);
}

}  // namespace

Colour heat_colour(double value) {
  static constexpr std::array<Colour, 5> kStops = {{{0.07, 0.04, 0.30},
                                                    {0.20, 0.28, 0.55},
                                                    {0.10, 0.56, 0.55},
                                                    {0.45, 0.80, 0.30},
                                                    {0.99, 0.92, 0.20}}};
  const double place = std::clamp(value, 0.0, 1.0) * (kStops.size() - 1);
  const auto low = std::min<std::size_t>(static_cast<std::size_t>(place), kStops.size() - 2);
  const double part = place - static_cast<double>(low);
  const auto mix = [&](double Colour::*channel) {
    return kStops[low].*channel * (1 - part) + kStops[low + 1].*channel * part;
  };
  return {mix(&Colour::red), mix(&Colour::green), mix(&Colour::blue)};
}

struct Picture::Canvas {
  Surface surface;
  std::unique_ptr<cairo_t, void (*)(cairo_t*)> context;
};

Picture::Picture(std::int64_t width, std::int64_t height) {
  Surface surface = make_surface(width, height);
  cairo_t* cairo = cairo_create(surface.get());
  canvas_ = std::make_unique<Canvas>(Canvas{std::move(surface), {cairo, cairo_destroy}});
  set_colour(cairo, {1, 1, 1});
  cairo_paint(cairo);
  cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo, 11);
}

Picture::~Picture() = default;

void Picture::image(std::span<const std::uint8_t> rgb, std::int64_t height, std::int64_t width,
                    double x, double y, double scale) {
  const Surface source = make_surface(width, height);
  cairo_surface_flush(source.get());
  auto* data = cairo_image_surface_get_data(source.get());
  const int stride = cairo_image_surface_get_stride(source.get());
  for (std::int64_t row = 0; row < height; ++row)
    for (std::int64_t column = 0; column < width; ++column) {
      const std::uint8_t* p = &rgb[static_cast<std::size_t>((row * width + column) * 3)];
      reinterpret_cast<std::uint32_t*>(data + row * stride)[column] =
          (std::uint32_t{p[0]} << 16) | (std::uint32_t{p[1]} << 8) | p[2];
    }
  cairo_surface_mark_dirty(source.get());
  cairo_t* cairo = canvas_->context.get();
  cairo_save(cairo);
  cairo_translate(cairo, x, y);
  cairo_scale(cairo, scale, scale);
  cairo_rectangle(cairo, 0, 0, static_cast<double>(width), static_cast<double>(height));
  cairo_clip(cairo);
  cairo_set_source_surface(cairo, source.get(), 0, 0);
  // Without this, smoothing makes the border pixels translucent.
  cairo_pattern_set_extend(cairo_get_source(cairo), CAIRO_EXTEND_PAD);
  cairo_paint(cairo);
  cairo_restore(cairo);
}

void Picture::text(double x, double y, const std::string& text) {
  cairo_t* cairo = canvas_->context.get();
  set_colour(cairo, {0.1, 0.1, 0.1});
  cairo_move_to(cairo, x, y);
  // Class names come from file names, in any encoding: Cairo refuses to draw anything after a text
  // that is not UTF-8.
  std::string shown = text;
  for (auto& letter : shown)
    if (static_cast<unsigned char>(letter) >= 128 || static_cast<unsigned char>(letter) < 32)
      letter = '?';
  cairo_show_text(cairo, shown.c_str());
}

void Picture::outline(double x, double y, double width, double height, Colour colour) {
  cairo_t* cairo = canvas_->context.get();
  set_colour(cairo, colour);
  cairo_set_line_width(cairo, 1.5);
  cairo_rectangle(cairo, x, y, width, height);
  cairo_stroke(cairo);
}

void Picture::fill(double x, double y, double width, double height, Colour colour) {
  cairo_t* cairo = canvas_->context.get();
  set_colour(cairo, colour);
  cairo_rectangle(cairo, x, y, width, height);
  cairo_fill(cairo);
}

void Picture::dot(double x, double y, double radius, Colour colour) {
  cairo_t* cairo = canvas_->context.get();
  set_colour(cairo, colour);
  cairo_new_path(cairo);
  cairo_arc(cairo, x, y, radius, 0, 6.2832);
  cairo_fill(cairo);
}

void Picture::write(const std::filesystem::path& path) const {
  const auto status = cairo_status(canvas_->context.get());
  if (status != CAIRO_STATUS_SUCCESS)
    fail("{}: the picture cannot be drawn: {}", path.string(), cairo_status_to_string(status));
  cairo_surface_t* surface = canvas_->surface.get();
  cairo_surface_flush(surface);
  const auto* data = cairo_image_surface_get_data(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  const int width = cairo_image_surface_get_width(surface);
  const int height = cairo_image_surface_get_height(surface);
  std::vector<std::uint8_t> rgb;
  rgb.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const std::uint32_t p = reinterpret_cast<const std::uint32_t*>(data + y * stride)[x];
      for (const int shift : {16, 8, 0}) rgb.push_back(static_cast<std::uint8_t>(p >> shift));
    }
  write_png(path, rgb, height, width);
}

}  // namespace lcr
