#include "lcr/image/png_file.h"

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>

#include <png.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"

namespace lcr {
namespace {

/// The bytes of a PNG file that libpng has not read yet, and its error message.
struct PngSource {
  std::span<const std::uint8_t> left;
  char error[128];
};

[[noreturn]] void png_stops(png_structp png, png_const_charp message) {
  auto& source = *static_cast<PngSource*>(png_get_error_ptr(png));
  std::snprintf(source.error, sizeof source.error, "%s", message);
  png_longjmp(png, 1);
}

void png_prints_nothing(png_structp, png_const_charp) {}

void png_feeds(png_structp png, png_bytep target, std::size_t size) {
  auto& source = *static_cast<PngSource*>(png_get_io_ptr(png));
  if (size > source.left.size()) png_error(png, "the file ends early");
  std::memcpy(target, source.left.data(), size);
  source.left = source.left.subspan(size);
}

/// Reads PNG files of every kind as RGB without a change of the stored values.
class PngReader {
 public:
  explicit PngReader(std::span<const std::uint8_t> bytes)
      : source_{bytes, {}},
        png_(
            png_create_read_struct(PNG_LIBPNG_VER_STRING, &source_, png_stops, png_prints_nothing)),
        info_(png_ ? png_create_info_struct(png_) : nullptr) {
    if (!info_) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  const char* message() const { return source_.error; }
  std::int64_t width() const { return png_get_image_width(png_, info_); }
  std::int64_t height() const { return png_get_image_height(png_, info_); }

  /// Reads up to the image data; false on an error, see message().
  bool read_header() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_read_fn(png_, &source_, png_feeds);
    // Colour profiles, gamma, texts: none is wanted, and none can then fill the memory.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    return true;
  }

  /// Decodes all rows; false on an error, see message().
  bool read_rows(std::vector<png_bytep>& rows) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_strip_16(png_);  // the high byte
    png_set_palette_to_rgb(png_);
    if (png_get_color_type(png_, info_) == PNG_COLOR_TYPE_GRAY)
      png_set_expand_gray_1_2_4_to_8(png_);
    png_set_gray_to_rgb(png_);
    png_set_strip_alpha(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    if (png_get_rowbytes(png_, info_) != 3 * std::size_t{png_get_image_width(png_, info_)})
      png_error(png_, "its rows do not become RGB");
    png_read_image(png_, rows.data());
    return true;
  }

 private:
  PngSource source_;
  png_structp png_;
  png_infop info_;
};

}  // namespace

RgbImage decode_png(std::span<const std::uint8_t> bytes, const std::filesystem::path& path) {
  PngReader reader(bytes);
  if (!reader.read_header()) fail("{}: damaged PNG image: {}", path.string(), reader.message());
  const std::int64_t width = reader.width(), height = reader.height();
  require_image_size(width, height, path);
  const auto stride = static_cast<std::size_t>(width) * 3;
  RgbImage image{.height = height,
                 .width = width,
                 .pixels = std::vector<std::uint8_t>(stride * static_cast<std::size_t>(height)),
                 .source_height = height,
                 .source_width = width};
  std::vector<png_bytep> rows(static_cast<std::size_t>(height));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = image.pixels.data() + i * stride;
  if (!reader.read_rows(rows)) fail("{}: damaged PNG image: {}", path.string(), reader.message());
  return image;
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
