// Decodes image files to RGB pixels: JPEG and PNG.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace lcr {

/// A decoded image.
struct RgbImage {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> pixels;                  ///< height x width x 3
  std::int64_t source_height = 0, source_width = 0;  ///< as stored in the file, before any scaling
};

/// Decodes an image to the bytes that Pillow's convert("RGB") gives: gamma and colour profiles are
/// ignored, transparency is dropped, of 16 bits the high byte is taken. EXIF orientation is ignored
/// as torchvision does. It differs from Pillow in that 16-bit grey becomes its high byte too, where
/// Pillow turns all above 255 white, and in that pixels damaged or missing in a JPEG are an error;
/// a missing end marker alone is none. min_side > 0 allows a JPEG to be decoded at a smaller scale
/// as long as its short side keeps min_side pixels. Throws UserError naming `path` on a damaged or
/// empty file, on another format, which it names, or on more than 200 million pixels.
RgbImage decode_image(std::span<const std::uint8_t> bytes, const std::filesystem::path& path,
                      std::int64_t min_side = 0);

/// Reads and decodes a file of at most 256 MiB. Throws UserError as decode_image() does, or if the
/// file cannot be read.
RgbImage read_image(const std::filesystem::path& path, std::int64_t min_side = 0);

/// Throws UserError naming `path` unless an image has from 1 to 200 million pixels.
void require_image_size(std::int64_t width, std::int64_t height, const std::filesystem::path& path);

}  // namespace lcr
