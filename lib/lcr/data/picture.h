// A picture that the suite draws for people: images, text, lines and heat maps on white, written as
// PNG.
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

/// The colour of a value in [0, 1] on a scale of even lightness (dark blue over green to yellow),
/// readable without colour vision.
Colour heat_colour(double value);

/// Units are pixels, the origin is the upper left corner.
class Picture {
 public:
  /// Throws UserError if a picture of that size cannot be made.
  Picture(std::int64_t width, std::int64_t height);
  ~Picture();
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;

  /// An RGB image (height x width x 3 bytes) with its corner at (x, y), each pixel `scale` large,
  /// smoothed.
  void image(std::span<const std::uint8_t> rgb, std::int64_t height, std::int64_t width, double x,
             double y, double scale);
  /// What lies right of x from y on, in letters of 11 pixels; characters outside ASCII appear as
  /// '?'.
  void text(double x, double y, const std::string& text);
  void outline(double x, double y, double width, double height, Colour colour);
  void fill(double x, double y, double width, double height, Colour colour);
  void dot(double x, double y, double radius, Colour colour);

  /// Writes a PNG file. Throws UserError if something could not be drawn or written.
  void write(const std::filesystem::path& path) const;

 private:
  struct Canvas;
  std::unique_ptr<Canvas> canvas_;
};

}  // namespace lcr
