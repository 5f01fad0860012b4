#include "lcr/data/image_file.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include <png.h>
#include <turbojpeg.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"

namespace lcr {
namespace {

constexpr std::int64_t kMaxPixels = 200'000'000;

void require_size(std::int64_t width, std::int64_t height, const std::filesystem::path& path) {
  if (width < 1 || height < 1 || width > kMaxPixels / height)
    fail("{}: {} x {} pixels: too many, or none", path.string(), width, height);
}

/// Pillow's product of two bytes as fractions of 255.
int multiply(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/// CMYK as Adobe stores it, inverted, to RGB as Pillow converts.
void from_inverted_cmyk(const std::vector<std::uint8_t>& cmyk, std::vector<std::uint8_t>& rgb) {
  for (std::size_t i = 0; i < cmyk.size() / 4; ++i)
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const int light = cmyk[4 * i + 3];
      rgb[3 * i + channel] = static_cast<std::uint8_t>(
          std::clamp(light - multiply(255 - cmyk[4 * i + channel], light), 0, 255));
    }
}

/// The smallest scale at which the short side keeps at least `min_side` pixels.
tjscalingfactor choose_scale(int width, int height, std::int64_t min_side) {
  int count = 0;
  const tjscalingfactor* factors = tjGetScalingFactors(&count);
  tjscalingfactor best{1, 1};
  for (int i = 0; i < count; ++i) {
    const auto factor = factors[i];
    if (factor.num > factor.denom ||
        std::min(TJSCALED(width, factor), TJSCALED(height, factor)) < min_side)
      continue;
    if (factor.num * best.denom < best.num * factor.denom) best = factor;
  }
  return best;
}

/// Whether JPEG's end-of-image marker is among the last bytes.
bool has_end_marker(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kTail = 64;
  const auto tail = bytes.last(std::min(bytes.size(), kTail));
  for (std::size_t i = 0; i + 1 < tail.size(); ++i)
    if (tail[i] == 0xFF && tail[i + 1] == 0xD9) return true;
  return false;
}

RgbImage decode_jpeg(std::span<const std::uint8_t> bytes, const std::filesystem::path& path,
                     std::int64_t min_side) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  check_internal(decoder != nullptr, "libjpeg-turbo cannot be set up");
  int width = 0, height = 0, sampling = 0, space = 0;
  if (tjDecompressHeader3(decoder.get(), bytes.data(), bytes.size(), &width, &height, &sampling,
                          &space) != 0)
    fail("{}: not a JPEG image: {}", path.string(), tjGetErrorStr2(decoder.get()));
  require_size(width, height, path);
  // Even a blank image needs a bit for every 8 x 8 block: a small file is no reason to allocate a
  // large image.
  constexpr std::int64_t kMaxPixelsPerByte = 1024;
  if (std::int64_t{width} * height / kMaxPixelsPerByte > static_cast<std::int64_t>(bytes.size()))
    fail("{}: damaged JPEG image: {} bytes cannot hold {} x {} pixels", path.string(), bytes.size(),
         width, height);
  const bool cmyk = space == TJCS_CMYK || space == TJCS_YCCK;
  const auto scale = min_side > 0 ? choose_scale(width, height, min_side) : tjscalingfactor{1, 1};
  const int out_width = TJSCALED(width, scale);
  const int out_height = TJSCALED(height, scale);
  const std::size_t area =
      static_cast<std::size_t>(out_width) * static_cast<std::size_t>(out_height);
  RgbImage image{.height = out_height,
                 .width = out_width,
                 .pixels = std::vector<std::uint8_t>(area * 3),
                 .source_height = height,
                 .source_width = width};
  std::vector<std::uint8_t> four(cmyk ? area * 4 : 0);
  std::uint8_t* target = cmyk ? four.data() : image.pixels.data();
  const int format = cmyk ? TJPF_CMYK : TJPF_RGB;
  if (tjDecompress2(decoder.get(), bytes.data(), bytes.size(), target, out_width, 0, out_height,
                    format, TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) != 0) {
    const std::string reason = tjGetErrorStr2(decoder.get());
    // Stray bytes between markers are harmless, and some cameras write them; every other warning
    // means lost pixels. Only the first warning is reported; the end marker shows that nothing is
    // missing.
    const bool harmless = tjGetErrorCode(decoder.get()) == TJERR_WARNING &&
                          reason.find("extraneous bytes") != std::string::npos &&
                          has_end_marker(bytes);
    if (!harmless) fail("{}: damaged JPEG image: {}", path.string(), reason);
  }
  if (cmyk) from_inverted_cmyk(four, image.pixels);
  return image;
}

RgbImage decode_png(std::span<const std::uint8_t> bytes, const std::filesystem::path& path) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> release(&png, png_image_free);
  if (!png_image_begin_read_from_memory(&png, bytes.data(), bytes.size()))
    fail("{}: not a PNG image: {}", path.string(), png.message);
  require_size(png.width, png.height, path);
  // The alpha channel is read and then dropped: libpng would otherwise blend with a background.
  png.format = PNG_FORMAT_RGBA;
  std::vector<std::uint8_t> rgba(PNG_IMAGE_SIZE(png));
  if (!png_image_finish_read(&png, nullptr, rgba.data(), 0, nullptr))
    fail("{}: damaged PNG image: {}", path.string(), png.message);
  RgbImage image{.height = png.height,
                 .width = png.width,
                 .pixels = std::vector<std::uint8_t>(rgba.size() / 4 * 3),
                 .source_height = png.height,
                 .source_width = png.width};
  for (std::size_t i = 0; i < rgba.size() / 4; ++i)
    std::memcpy(&image.pixels[i * 3], &rgba[i * 4], 3);
  return image;
}

}  // namespace

RgbImage decode_image(std::span<const std::uint8_t> bytes, const std::filesystem::path& path,
                      std::int64_t min_side) {
  constexpr std::uint8_t kPng[] = {0x89, 'P', 'N', 'G'};
  if (bytes.size() >= sizeof kPng && std::equal(std::begin(kPng), std::end(kPng), bytes.begin()))
    return decode_png(bytes, path);
  return decode_jpeg(bytes, path, min_side);
}

RgbImage read_image(const std::filesystem::path& path, std::int64_t min_side) {
  constexpr std::uint64_t kMaxBytes = 256ull << 20;
  return decode_image(read_file(path, kMaxBytes), path, min_side);
}

void write_png(const std::filesystem::path& path, std::span<const std::uint8_t> pixels,
               std::int64_t height, std::int64_t width) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(width);
  png.height = static_cast<png_uint_32>(height);
  png.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  std::string bytes;
  if (png_image_write_to_memory(&png, nullptr, &size, 0, pixels.data(), 0, nullptr)) {
    bytes.resize(size);
    if (png_image_write_to_memory(&png, bytes.data(), &size, 0, pixels.data(), 0, nullptr))
      return write_atomic(path, bytes);
  }
  fail("{}: cannot be written: {}", path.string(), png.message);
}

}  // namespace lcr
