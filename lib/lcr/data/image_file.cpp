#include "lcr/data/image_file.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include <fmt/format.h>
#include <jerror.h>
#include <jpeglib.h>  // after <cstdio>, which it needs
#include <png.h>
#include <turbojpeg.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/data/failed_download.h"

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

/// What libjpeg says of a file: kept, not printed. An error jumps back to the reader's function,
/// which holds nothing that would need a destructor.
struct JpegMessages {
  jpeg_error_mgr base;  // first: libjpeg passes a pointer to it
  std::jmp_buf error;
  char text[JMSG_LENGTH_MAX];  // the error, or the first warning that pixels are lost
  bool lost;                   // pixels are
  bool stray;                  // bytes between markers
  bool ended;                  // the file does, before its end marker
};

JpegMessages& messages_of(j_common_ptr info) { return *reinterpret_cast<JpegMessages*>(info->err); }

[[noreturn]] void jpeg_stops(j_common_ptr info) {
  JpegMessages& messages = messages_of(info);
  info->err->format_message(info, messages.text);
  std::longjmp(messages.error, 1);
}

void jpeg_says(j_common_ptr info, int level) {
  if (level >= 0) return;  // a trace, no warning
  JpegMessages& messages = messages_of(info);
  switch (info->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA: messages.stray = true; return;
    case JWRN_JPEG_EOF: messages.ended = true; return;
    // Oddities of a header that Pillow reads over too.
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL: return;
    default:
      if (!messages.lost) info->err->format_message(info, messages.text);
      messages.lost = true;
  }
}

void jpeg_prints_nothing(j_common_ptr) {}

/// Reads JPEG files of every kind that libjpeg knows, and tells what is missing in them.
class JpegReader {
 public:
  explicit JpegReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    info_.err = jpeg_std_error(&messages_.base);
    messages_.base.error_exit = jpeg_stops;
    messages_.base.emit_message = jpeg_says;
    messages_.base.output_message = jpeg_prints_nothing;
    progress_.progress_monitor = limit_scans;
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  const jpeg_decompress_struct& info() const { return info_; }
  const char* message() const { return messages_.text; }
  bool is_cmyk() const {
    return info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK;
  }

  /// Reads up to the image data; false on an error, see message().
  bool read_header() {
    if (setjmp(messages_.error)) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, bytes_.data(), static_cast<unsigned long>(bytes_.size()));
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  /// Decodes all rows as RGB, or CMYK for such a file; false if any data are missing or damaged,
  /// see message().
  bool read_rows(tjscalingfactor scale, std::uint8_t* target) {
    if (setjmp(messages_.error)) return false;
    info_.scale_num = static_cast<unsigned>(scale.num);
    info_.scale_denom = static_cast<unsigned>(scale.denom);
    info_.out_color_space = is_cmyk() ? JCS_CMYK : JCS_RGB;
    info_.dct_method = JDCT_ISLOW;
    info_.do_fancy_upsampling = TRUE;
    jpeg_start_decompress(&info_);
    const std::size_t stride =
        std::size_t{info_.output_width} * static_cast<std::size_t>(info_.output_components);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = target + info_.output_scanline * stride;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    const bool whole = has_all_scans();  // forgotten by the next call
    jpeg_finish_decompress(&info_);
    return !messages_.lost && (!messages_.ended || is_whole_without_end(whole));
  }

 private:
  /// As TurboJPEG does under TJFLAG_LIMITSCANS: each scan of a few bytes costs a pass over the
  /// image.
  static void limit_scans(j_common_ptr info) {
    constexpr int kMaxScans = 500;
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= kMaxScans) return;
    JpegMessages& messages = messages_of(info);
    std::snprintf(messages.text, sizeof messages.text, "it has more than %d scans", kMaxScans);
    std::longjmp(messages.error, 1);
  }

  /// Whether every component has been in a scan and, if progressive, to its last bit.
  bool has_all_scans() const {
    for (int i = 0; i < info_.num_components; ++i) {
      if (!info_.comp_info[i].quant_table) return false;  // saved at a component's first scan
      if (!info_.coef_bits) continue;
      for (const int missing_bits : info_.coef_bits[i])
        if (missing_bits != 0) return false;
    }
    return true;
  }

  /// Whether the end marker is all that the file lacks. Zeros or stray bytes at the end speak
  /// against it: a broken download may be filled up with zeros, which decode to some image.
  /// Arithmetic decoding does not notice that its data end.
  bool is_whole_without_end(bool all_scans) {
    const auto tail = bytes_.last(2);
    const bool filled_up = messages_.stray || (tail[0] == 0 && tail[1] == 0);
    if (all_scans && !filled_up && !info_.arith_code) return true;
    std::snprintf(messages_.text, sizeof messages_.text,
                  "the file ends before its image data do; copy or fetch it again");
    return false;
  }

  std::span<const std::uint8_t> bytes_;
  JpegMessages messages_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct info_{};
};

/// Decodes with TurboJPEG; false if it warns or refuses, be it only for an unusual sampling.
bool decode_with_turbojpeg(std::span<const std::uint8_t> bytes, int width, int height, int format,
                           std::uint8_t* target) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  check_internal(decoder != nullptr, "libjpeg-turbo cannot be set up");
  return tjDecompress2(decoder.get(), bytes.data(), bytes.size(), target, width, 0, height, format,
                       TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS) == 0;
}

RgbImage decode_jpeg(std::span<const std::uint8_t> bytes, const std::filesystem::path& path,
                     std::int64_t min_side) {
  JpegReader reader(bytes);
  if (!reader.read_header())
    fail("{}: damaged or unusual JPEG image: {}", path.string(), reader.message());
  const auto width = static_cast<int>(reader.info().image_width);
  const auto height = static_cast<int>(reader.info().image_height);
  require_size(width, height, path);
  // Even a blank image needs a bit for every 8 x 8 block: a small file is no reason to allocate a
  // large image.
  constexpr std::int64_t kMaxPixelsPerByte = 1024;
  if (std::int64_t{width} * height / kMaxPixelsPerByte > static_cast<std::int64_t>(bytes.size()))
    fail("{}: damaged JPEG image: {} bytes cannot hold {} x {} pixels", path.string(), bytes.size(),
         width, height);
  const bool cmyk = reader.is_cmyk();
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
  // TurboJPEG tells the first warning alone, as text: libjpeg judges what it does not like.
  if (!decode_with_turbojpeg(bytes, out_width, out_height, cmyk ? TJPF_CMYK : TJPF_RGB, target) &&
      !reader.read_rows(scale, target))
    fail("{}: damaged or unusual JPEG image: {}", path.string(), reader.message());
  if (cmyk) from_inverted_cmyk(four, image.pixels);
  return image;
}

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

RgbImage decode_png(std::span<const std::uint8_t> bytes, const std::filesystem::path& path) {
  PngReader reader(bytes);
  if (!reader.read_header()) fail("{}: damaged PNG image: {}", path.string(), reader.message());
  const std::int64_t width = reader.width(), height = reader.height();
  require_size(width, height, path);
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
