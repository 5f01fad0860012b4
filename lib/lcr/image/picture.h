// Pictures for people: images, text, lines and heat maps on white, written as PNG.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace lcr {

struct Colour {
  double red, green, blue;  ///< 0 to 1
};

/// The colour of a value (clamped to [0, 1]) on a scale of evenly rising lightness (dark blue
/// through green to yellow), readable without colour vision.
Colour heat_colour(double value);

/// A white canvas. Units are pixels; the origin is the upper left corner.
class Picture {
 public:
  /// Throws UserError if a picture of that size cannot be made.
  Picture(std::int64_t width, std::int64_t height);
  ~Picture();
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;

  /// Draws an RGB image (height x width x 3 bytes) with its upper left corner at (x, y), each pixel
  /// `scale` large, smoothed.
  void image(std::span<const std::uint8_t> rgb, std::int64_t height, std::int64_t width, double x,
             double y, double scale);
  /// Draws text of 11 pixels that starts at x on the baseline y; control characters and characters
  /// outside ASCII appear as '?'.
  void text(double x, double y, const std::string& text);
  /// Draws a rectangle's outline, 1.5 pixels wide.
  void outline(double x, double y, double width, double height, Colour colour);
  /// Draws a filled rectangle.
  void fill(double x, double y, double width, double height, Colour colour);
  /// Draws a filled circle around (x, y).
  void dot(double x, double y, double radius, Colour colour);

  /// Writes a PNG file. Throws UserError if something could not be drawn or written.
  void write(const std::filesystem::path& path) const;

 private:
  struct Canvas;
  std::unique_ptr<Canvas> canvas_;
};

}  // namespace lcr
