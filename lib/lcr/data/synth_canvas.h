// Colours and filled shapes of SynthBirds, drawn with cairo.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <numbers>
#include <utility>

#include <cairo/cairo.h>

namespace lcr::synth {

inline constexpr double kPi = std::numbers::pi;

/// Each from 0 to 1.
struct Rgb {
  double r, g, b;
};

/// A colour by hue (as a fraction of the circle), saturation and value, which are clamped to [0,
/// 1].
Rgb hsv(double h, double s, double v);

/// An ARGB32 cairo surface with its context; units are pixels.
class Canvas {
 public:
  explicit Canvas(int size);
  cairo_t* get() { return context_.get(); }
  /// Premultiplied blue, green, red, alpha bytes of a pixel.
  std::uint8_t* pixel(int x, int y);
  void modified() { cairo_surface_mark_dirty(surface_.get()); }

 private:
  std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)> surface_;
  std::unique_ptr<cairo_t, void (*)(cairo_t*)> context_;
};

/// Sets the colour of the following shapes.
void set(cairo_t* c, Rgb colour);
/// An ellipse in a rectangle with these corners.
void ellipse(cairo_t* c, double x0, double y0, double x1, double y1);
void polygon(cairo_t* c, std::initializer_list<std::pair<double, double>> points);
void rectangle(cairo_t* c, double x0, double y0, double x1, double y1);
void line(cairo_t* c, double x0, double y0, double x1, double y1, double width);

}  // namespace lcr::synth
