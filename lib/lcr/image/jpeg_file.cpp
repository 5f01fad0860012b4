#include "lcr/image/jpeg_file.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <memory>

#include <jerror.h>
#include <jpeglib.h>  // after <cstdio>, which it needs
#include <turbojpeg.h>

#include "lcr/base/error.h"

namespace lcr {
namespace {

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

}  // namespace

RgbImage decode_jpeg(std::span<const std::uint8_t> bytes, const std::filesystem::path& path,
                     std::int64_t min_side) {
  JpegReader reader(bytes);
  if (!reader.read_header())
    fail("{}: damaged or unusual JPEG image: {}", path.string(), reader.message());
  const auto width = static_cast<int>(reader.info().image_width);
  const auto height = static_cast<int>(reader.info().image_height);
  require_image_size(width, height, path);
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

}  // namespace lcr
