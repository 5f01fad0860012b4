#include "lcr/data/synth_canvas.h"

#include <algorithm>
#include <cmath>

#include "lcr/base/error.h"

namespace lcr::synth {

Rgb hsv(double h, double s, double v) {
  h = (h - std::floor(h)) * 6;
  s = std::clamp(s, 0.0, 1.0);
  v = std::clamp(v, 0.0, 1.0);
  const auto channel = [&](double n) {
    const double k = std::fmod(n + h, 6.0);
    return v - v * s * std::clamp(std::min(k, 4 - k), 0.0, 1.0);
  };
  return {channel(5), channel(3), channel(1)};
}

Canvas::Canvas(int size)
    : surface_(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, size, size), cairo_surface_destroy),
      context_(cairo_create(surface_.get()), cairo_destroy) {
  check_internal(cairo_status(context_.get()) == CAIRO_STATUS_SUCCESS, "cairo surface");
}

std::uint8_t* Canvas::pixel(int x, int y) {
  cairo_surface_flush(surface_.get());
  return cairo_image_surface_get_data(surface_.get()) +
         y * cairo_image_surface_get_stride(surface_.get()) + x * 4;
}

void set(cairo_t* c, Rgb colour) { cairo_set_source_rgb(c, colour.r, colour.g, colour.b); }

void ellipse(cairo_t* c, double x0, double y0, double x1, double y1) {
  cairo_save(c);
  cairo_translate(c, (x0 + x1) / 2, (y0 + y1) / 2);
  cairo_scale(c, std::max(1e-6, (x1 - x0) / 2), std::max(1e-6, (y1 - y0) / 2));
  cairo_new_path(c);
  cairo_arc(c, 0, 0, 1, 0, 2 * kPi);
  cairo_restore(c);
  cairo_fill(c);
}

void polygon(cairo_t* c, std::initializer_list<std::pair<double, double>> points) {
  cairo_new_path(c);
  for (const auto& [x, y] : points) cairo_line_to(c, x, y);
  cairo_close_path(c);
  cairo_fill(c);
}

void rectangle(cairo_t* c, double x0, double y0, double x1, double y1) {
  cairo_rectangle(c, x0, y0, x1 - x0, y1 - y0);
  cairo_fill(c);
}

void line(cairo_t* c, double x0, double y0, double x1, double y1, double width) {
  cairo_new_path(c);
  cairo_move_to(c, x0, y0);
  cairo_line_to(c, x1, y1);
  cairo_set_line_width(c, width);
  cairo_stroke(c);
}

}  // namespace lcr::synth
