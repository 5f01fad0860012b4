#include "lcr/image/image_file.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "lcr/base/error.h"
#include "lcr/base/failed_download.h"
#include "lcr/base/files.h"
#include "lcr/image/jpeg_file.h"
#include "lcr/image/png_file.h"

namespace lcr {
namespace {

constexpr std::int64_t kMaxPixels = 200'000'000;

/// The first bytes of a kind of file ('?': any byte), what it is and what to do.
struct Signature {
  std::string_view start;
  const char* what;
  const char* advice;
};

constexpr const char* kConvert = "convert it to PNG or JPEG";
constexpr const char* kFetchAgain = "download the image again";
using namespace std::string_view_literals;  // some signatures have zero bytes
constexpr Signature kSignatures[] = {
    {"RIFF????WEBP"sv, "a WebP image", kConvert},
    {"GIF8"sv, "a GIF image", kConvert},
    {"BM????\0\0\0\0"sv, "a BMP image", kConvert},
    {"II*\0"sv, "a TIFF image", kConvert},
    {"MM\0*"sv, "a TIFF image", kConvert},
    {"II+\0"sv, "a TIFF image", kConvert},
    {"MM\0+"sv, "a TIFF image", kConvert},
    {"????ftypavi"sv, "an AVIF image", kConvert},
    {"????ftyphe"sv, "a HEIF image", kConvert},
    {"????ftypmi"sv, "a HEIF image", kConvert},
    {"????ftypms"sv, "a HEIF image", kConvert},
    {"\0\0\0\x0CjP  "sv, "a JPEG 2000 image", kConvert},
    {"\xFF\x4F\xFF\x51"sv, "a JPEG 2000 image", kConvert},
    {"\0\0\0\x0CJXL "sv, "a JPEG XL image", kConvert},
    {"\xFF\x0A"sv, "a JPEG XL image", kConvert},
    {"P5\n"sv, "a PGM image", kConvert},
    {"P6\n"sv, "a PPM image", kConvert},
    {"8BPS"sv, "a Photoshop file", kConvert},
    {"\0\0\x01\0"sv, "an icon file", kConvert},
    {"<svg"sv, "an SVG drawing", kConvert},
    {"%PDF"sv, "a PDF document", kConvert},
    {"\0\x05\x16\x07"sv, "a companion file of macOS (AppleDouble)", "remove it"},
    {"PK\x03\x04"sv, "a ZIP archive", "unpack it"},
    {"\x1F\x8B"sv, "a gzip file", "unpack it"},
};

bool begins_with(std::span<const std::uint8_t> bytes, std::string_view start) {
  if (bytes.size() < start.size()) return false;
  for (std::size_t i = 0; i < start.size(); ++i)
    if (start[i] != '?' && bytes[i] != static_cast<std::uint8_t>(start[i])) return false;
  return true;
}

[[noreturn]] void refuse_format(std::span<const std::uint8_t> bytes,
                                const std::filesystem::path& path) {
  refuse_failed_download(bytes, path.string());
  for (const auto& [start, what, advice] : kSignatures)
    if (begins_with(bytes, start))
      fail("{}: is {}, but images must be JPEG or PNG; {}", path.string(), what, advice);
  constexpr std::size_t kShown = 8;
  fail("{}: is neither a JPEG nor a PNG image: it begins with the bytes {:02x}; {} or {}",
       path.string(), fmt::join(bytes.first(std::min(bytes.size(), kShown)), " "), kFetchAgain,
       kConvert);
}

}  // namespace

RgbImage decode_image(std::span<const std::uint8_t> bytes, const std::filesystem::path& path,
                      std::int64_t min_side) {
  if (begins_with(bytes, "\x89PNG")) return decode_png(bytes, path);
  if (begins_with(bytes, "\xFF\xD8")) return decode_jpeg(bytes, path, min_side);
  refuse_format(bytes, path);
}

RgbImage read_image(const std::filesystem::path& path, std::int64_t min_side) {
  constexpr std::uint64_t kMaxBytes = 256ull << 20;
  return decode_image(read_file(path, kMaxBytes), path, min_side);
}

void require_image_size(std::int64_t width, std::int64_t height,
                        const std::filesystem::path& path) {
  if (width < 1 || height < 1 || width > kMaxPixels / height)
    fail("{}: {} x {} pixels: too many, or none", path.string(), width, height);
}

}  // namespace lcr
