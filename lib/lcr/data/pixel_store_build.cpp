#include "lcr/data/pixel_store_build.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/base/parallel.h"
#include "lcr/base/progress.h"
#include "lcr/base/signals.h"
#include "lcr/data/pixel_store_format.h"
#include "lcr/image/augment.h"
#include "lcr/image/image_file.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// A file that is removed unless keep_as() succeeds.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path)
      : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wb")) {
    if (!file_) fail("{}: cannot be written: {}", path_.string(), std::strerror(errno));
  }
  ~TemporaryFile() {
    if (file_) std::fclose(file_);
    std::error_code ignored;
    if (!kept_) fs::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(const void* data, std::size_t bytes) {
    if (bytes > 0 && std::fwrite(data, 1, bytes, file_) != bytes) complain();
  }
  void rewind() {
    if (std::fseek(file_, 0, SEEK_SET) != 0) complain();
  }
  /// Writes everything to disk and renames the file.
  void keep_as(const fs::path& target) {
    if (std::fflush(file_) != 0 || ::fsync(::fileno(file_)) != 0) complain();
    const int closed = std::fclose(file_);
    file_ = nullptr;
    if (closed != 0 || std::rename(path_.c_str(), target.c_str()) != 0) complain();
    kept_ = true;
  }

 private:
  [[noreturn]] void complain() const {
    fail("{}: cannot be written: {}; choose another folder with --pixel-store", path_.string(),
         std::strerror(errno));
  }

  fs::path path_;
  FILE* file_;
  bool kept_ = false;
};

/// Cuts and scales a decoded image as the options say. Images to be cut are decoded at full scale.
RgbImage prepare(RgbImage image, const fs::path& path, const PixelStoreOptions& options) {
  if (options.cut_bottom > 0) {
    if (image.height <= options.cut_bottom)
      fail("{}: has {} rows, but {} are to be cut off", path.string(), image.height,
           options.cut_bottom);
    image.height = image.source_height -= options.cut_bottom;
    image.pixels.resize(static_cast<std::size_t>(image.height * image.width * 3));
  }
  if (options.short_side <= 0 || std::min(image.height, image.width) <= options.short_side)
    return image;
  const auto [height, width] = with_short_side(image.height, image.width, options.short_side);
  RgbImage scaled{height, width,
                  std::vector<std::uint8_t>(static_cast<std::size_t>(height * width * 3)),
                  image.source_height, image.source_width};
  crop_resize(image.pixels, image.height, image.width, {0, 0, image.width, image.height}, height,
              width, scaled.pixels);
  return scaled;
}

/// The number of files in the part that begins with file `start`. One part at a time: memory stays
/// bounded, and the images are in the order of the paths. A part is 32 MiB of files, which decode
/// to about ten times as much.
std::size_t part_size(const std::vector<std::string>& paths, std::size_t start,
                      const PixelStoreOptions& options) {
  constexpr std::uintmax_t kPartBytes = 32 << 20;
  const std::size_t most = 32 * static_cast<std::size_t>(options.threads);
  std::size_t count = 0;
  for (std::uintmax_t bytes = 0;
       count < most && start + count < paths.size() && (count == 0 || bytes < kPartBytes); ++count)
    bytes += fs::file_size(options.root / paths[start + count]);
  return count;
}

/// A decoded image with its SHA-256, or the error.
struct Decoded {
  RgbImage image;
  std::string digest, error;
};

std::vector<Decoded> decode_part(const std::vector<std::string>& paths, std::size_t start,
                                 std::size_t count, const PixelStoreOptions& options) {
  const std::int64_t min_side = options.cut_bottom > 0 ? 0 : options.short_side;
  std::vector<Decoded> part(count);
  parallel_for(static_cast<std::int64_t>(count), options.threads, [&](std::int64_t i) {
    Decoded& decoded = part[static_cast<std::size_t>(i)];
    try {
      const fs::path path = options.root / paths[start + static_cast<std::size_t>(i)];
      decoded.image = prepare(read_image(path, min_side), path, options);
      const auto& pixels = decoded.image.pixels;
      decoded.digest = sha256_hex({reinterpret_cast<const char*>(pixels.data()), pixels.size()});
    } catch (const UserError& e) {
      decoded = {.error = e.what()};
    }
  });
  return part;
}

/// Fails if more files cannot be decoded than may be left out.
void check_skipped(const std::vector<std::string>& skipped, const PixelStoreOptions& options) {
  if (static_cast<std::int64_t>(skipped.size()) <= options.skip_bad) return;
  std::string which;
  if (options.skip_bad > 0)
    which = fmt::format("it is file {} that cannot be decoded; ", skipped.size());
  fail("{}; {}--skip-bad N leaves out up to N such files", skipped.back(), which);
}

/// Writes the index behind the pixels, which end at `offset`, and then the header.
void write_index(TemporaryFile& out, const std::string& index, std::int64_t offset) {
  out.write(index.data(), index.size());
  out.rewind();
  const std::uint64_t place[] = {static_cast<std::uint64_t>(offset), index.size()};
  out.write(kStoreMagic, kStoreMagicBytes);
  out.write(place, sizeof place);
  out.write(sha256_hex(index).data(), kStoreDigits);
}

}  // namespace

void build_pixel_store(const std::vector<std::string>& paths, const PixelStoreOptions& options,
                       const std::string& source) {
  TemporaryFile out(options.file.string() + ".tmp");  // ours alone: the lock is held
  const std::string room(kStoreHeaderBytes, '\0');    // for the header, which is written last
  out.write(room.data(), room.size());
  Progress progress("decode images", static_cast<std::int64_t>(paths.size()), "images");
  nlohmann::json images = nlohmann::json::array();
  std::vector<std::string> skipped;
  std::int64_t offset = kStoreHeaderBytes;
  for (std::size_t start = 0, count = 0; start < paths.size(); start += count) {
    if (stop_requested())
      throw Interrupted(
          "stopped by a signal while the pixel store was being built; nothing of it is kept");
    count = part_size(paths, start, options);
    for (const auto& [image, digest, error] : decode_part(paths, start, count, options)) {
      if (!error.empty()) {
        skipped.push_back(error);
        check_skipped(skipped, options);
        progress.line("left out: " + error);
      }
      images.push_back(
          {image.height, image.width, offset, image.source_height, image.source_width, digest});
      out.write(image.pixels.data(), image.pixels.size());
      offset += static_cast<std::int64_t>(image.pixels.size());
    }
    progress.update(static_cast<std::int64_t>(start + count));
  }
  write_index(out,
              nlohmann::json{{"source", source}, {"skipped", skipped}, {"images", images}}.dump(),
              offset);
  out.keep_as(options.file);
}

}  // namespace lcr
