// Decodes JPEG files: libjpeg-turbo with its accurate integer DCT and smooth chroma, as Pillow
// decodes; TurboJPEG, and libjpeg for what that refuses.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "lcr/image/image_file.h"

namespace lcr {

/// Decodes a JPEG file as decode_image() does.
RgbImage decode_jpeg(std::span<const std::uint8_t> bytes, const std::filesystem::path& path,
                     std::int64_t min_side);

}  // namespace lcr
