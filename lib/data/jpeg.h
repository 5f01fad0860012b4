// JPEG to RGB pixels (libjpeg-turbo, accurate integer DCT and smooth chroma, as Pillow decodes).
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace lcr {

struct RgbImage {
  std::int64_t height = 0, width = 0;
  std::vector<std::uint8_t> pixels;  ///< height x width x 3
};

/// Decodes a file; grey becomes RGB, EXIF orientation is ignored as torchvision does. Throws UserError on a damaged file, on
/// CMYK, or on more than `kMaxPixels`.
RgbImage read_jpeg(const std::filesystem::path& path);

}  // namespace lcr
