// Decodes and writes PNG files, with libpng.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "lcr/image/image_file.h"

namespace lcr {

/// Decodes a PNG file as decode_image() does.
RgbImage decode_png(std::span<const std::uint8_t> bytes, const std::filesystem::path& path);

/// Writes a PNG file, height x width x 3. Throws UserError if it cannot be written.
void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels,
               std::int64_t height, std::int64_t width);

}  // namespace lcr
