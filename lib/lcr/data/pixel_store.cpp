#include "lcr/data/pixel_store.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <optional>

#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/base/parallel.h"
#include "lcr/base/progress.h"
#include "lcr/base/signals.h"
#include "lcr/data/augment.h"
#include "lcr/data/image_file.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

constexpr char kMagic[] = "LCRPIX 1";
constexpr std::size_t kMagicBytes = 8;
constexpr std::size_t kDigits = 64;  // of a SHA-256
constexpr std::size_t kStoreHeaderBytes = kMagicBytes + 2 * sizeof(std::uint64_t) + kDigits;
constexpr int kDecoder = 2;  // incremented when decoding or scaling changes

struct Header {
  std::uint64_t index_offset, index_bytes;
  std::string index_sha256;
};

/// A hash of what the store is made from: any change makes the store stale.
std::string source_hash(const std::vector<std::string>& paths, const PixelStoreOptions& options) {
  Sha256 hash;
  const std::string settings = fmt::format("decoder={} short_side={} cut_bottom={}\n", kDecoder,
                                           options.short_side, options.cut_bottom);
  hash.update(settings.data(), settings.size());
  for (const auto& path : paths) {
    std::error_code error;
    const auto size = fs::file_size(options.root / path, error);
    if (error)
      fail("{}: no such file, though the data set's lists name it", (options.root / path).string());
    const auto time = fs::last_write_time(options.root / path, error).time_since_epoch().count();
    const std::string line = fmt::format("{}\t{}\t{}\n", path, size, time);
    hash.update(line.data(), line.size());
  }
  return hash.hex();
}

/// Thrown within this file if a store is unusable; `reason` says why.
struct BadStore {
  std::string reason;
};

Header read_header(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kStoreHeaderBytes || std::memcmp(bytes.data(), kMagic, kMagicBytes) != 0)
    throw BadStore{"it is not a pixel store of this version"};
  Header header;
  std::memcpy(&header.index_offset, bytes.data() + kMagicBytes, sizeof header.index_offset);
  std::memcpy(&header.index_bytes, bytes.data() + kMagicBytes + sizeof header.index_offset,
              sizeof header.index_bytes);
  header.index_sha256.assign(
      reinterpret_cast<const char*>(bytes.data()) + kStoreHeaderBytes - kDigits, kDigits);
  if (header.index_offset < kStoreHeaderBytes || header.index_offset > bytes.size() ||
      header.index_bytes != bytes.size() - header.index_offset)
    throw BadStore{"it is truncated or too long"};
  return header;
}

struct OpenStore {
  PixelStore store;
  std::string source;
};

/// Maps a store and checks its index and, with `verify`, every image. Throws BadStore.
OpenStore open_checked(const fs::path& path, bool verify, int threads) {
  OpenStore open;
  if (fs::file_size(path) == 0) throw BadStore{"it is empty"};
  open.store.file = std::make_shared<const MappedFile>(path);
  const auto bytes = open.store.file->bytes();
  const Header header = read_header(bytes);
  const std::string_view index(reinterpret_cast<const char*>(bytes.data()) + header.index_offset,
                               header.index_bytes);
  if (sha256_hex(index) != header.index_sha256) throw BadStore{"its index is damaged"};
  try {
    const auto json = nlohmann::json::parse(index);
    open.source = json.at("source");
    open.store.skipped = json.at("skipped").get<std::vector<std::string>>();
    for (const auto& entry : json.at("images")) {
      const StoredImage image{.height = entry.at(0),
                              .width = entry.at(1),
                              .offset = entry.at(2),
                              .source_height = entry.at(3),
                              .source_width = entry.at(4),
                              .sha256 = entry.at(5)};
      const auto room = static_cast<std::int64_t>(header.index_offset);
      constexpr std::int64_t kMaxSide = 1 << 24;
      if (image.height < 0 || image.width < 0 || image.height > kMaxSide ||
          image.width > kMaxSide || image.offset < static_cast<std::int64_t>(kStoreHeaderBytes) ||
          image.offset > room || image.height * image.width * 3 > room - image.offset)
        throw BadStore{"an image lies outside it"};
      open.store.images.push_back(image);
    }
  } catch (const nlohmann::json::exception&) {
    throw BadStore{"its index cannot be read"};
  }
  if (verify) {
    std::mutex mutex;
    std::optional<std::size_t> damaged;
    parallel_for(static_cast<std::int64_t>(open.store.images.size()), threads, [&](std::int64_t i) {
      const StoredImage& image = open.store.images[static_cast<std::size_t>(i)];
      if (image.height == 0) return;  // left out
      if (sha256_hex({reinterpret_cast<const char*>(bytes.data()) + image.offset,
                      static_cast<std::size_t>(image.height * image.width * 3)}) == image.sha256)
        return;
      const std::lock_guard lock(mutex);
      if (!damaged) damaged = i;
    });
    if (damaged) throw BadStore{fmt::format("image {} is damaged", *damaged)};
  }
  return open;
}

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

void build(const std::vector<std::string>& paths, const PixelStoreOptions& options,
           const std::string& source) {
  TemporaryFile out(options.file.string() + ".tmp");  // ours alone: the lock is held
  const std::string room(kStoreHeaderBytes, '\0');    // for the header, which is written last
  out.write(room.data(), room.size());
  Progress progress("decode images", static_cast<std::int64_t>(paths.size()), "images");
  nlohmann::json images = nlohmann::json::array();
  nlohmann::json skipped = nlohmann::json::array();
  std::int64_t offset = kStoreHeaderBytes;
  // One part at a time: memory stays bounded, and the images are in the order of the paths. A part
  // is 32 MiB of files, which decode to about ten times as much.
  constexpr std::uintmax_t kPartBytes = 32 << 20;
  const std::size_t most = 32 * static_cast<std::size_t>(options.threads);
  const std::int64_t min_side = options.cut_bottom > 0 ? 0 : options.short_side;
  for (std::size_t start = 0, count = 0; start < paths.size(); start += count) {
    if (stop_requested())
      throw Interrupted(
          "stopped by a signal while the pixel store was being built; nothing of it is kept");
    count = 0;
    for (std::uintmax_t bytes = 0;
         count < most && start + count < paths.size() && (count == 0 || bytes < kPartBytes);
         ++count)
      bytes += fs::file_size(options.root / paths[start + count]);
    std::vector<RgbImage> decoded(count);
    std::vector<std::string> digests(count), errors(count);
    parallel_for(static_cast<std::int64_t>(count), options.threads, [&](std::int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      try {
        const fs::path path = options.root / paths[start + at];
        decoded[at] = prepare(read_image(path, min_side), path, options);
        digests[at] = sha256_hex(
            {reinterpret_cast<const char*>(decoded[at].pixels.data()), decoded[at].pixels.size()});
      } catch (const UserError& e) {
        errors[at] = e.what();
        decoded[at] = {};
      }
    });
    for (std::size_t i = 0; i < count; ++i) {
      const RgbImage& image = decoded[i];
      if (!errors[i].empty()) {
        skipped.push_back(errors[i]);
        if (static_cast<std::int64_t>(skipped.size()) > options.skip_bad) {
          std::string which;
          if (options.skip_bad > 0)
            which = fmt::format("it is file {} that cannot be decoded; ", skipped.size());
          fail("{}; {}--skip-bad N leaves out up to N such files", errors[i], which);
        }
        progress.line("left out: " + errors[i]);
      }
      images.push_back(
          {image.height, image.width, offset, image.source_height, image.source_width, digests[i]});
      out.write(image.pixels.data(), image.pixels.size());
      offset += static_cast<std::int64_t>(image.pixels.size());
    }
    progress.update(static_cast<std::int64_t>(start + count));
  }
  const std::string index =
      nlohmann::json{{"source", source}, {"skipped", skipped}, {"images", images}}.dump();
  out.write(index.data(), index.size());
  out.rewind();
  const std::uint64_t place[] = {static_cast<std::uint64_t>(offset), index.size()};
  out.write(kMagic, kMagicBytes);
  out.write(place, sizeof place);
  out.write(sha256_hex(index).data(), kDigits);
  out.keep_as(options.file);
}

}  // namespace

PixelStore open_pixel_store(const std::vector<std::string>& paths, const PixelStoreOptions& options,
                            bool verify) {
  const std::string source = source_hash(paths, options);
  std::error_code error;
  fs::create_directories(options.file.parent_path(), error);
  const auto try_open = [&](bool tell) -> std::optional<PixelStore> {
    std::string reason =
        "it does not match its images or settings, or leaves out images that are wanted";
    if (!fs::exists(options.file)) return std::nullopt;
    try {
      OpenStore open = open_checked(options.file, verify, options.threads);
      if (open.source == source && open.store.images.size() == paths.size() &&
          static_cast<std::int64_t>(open.store.skipped.size()) <= options.skip_bad)
        return std::move(open.store);
    } catch (const BadStore& bad) {
      reason = bad.reason;
    }
    if (tell) say("{}: {}; rebuilding it\n", options.file.string(), reason);
    return std::nullopt;
  };
  // A good store needs no lock, and so no writable folder.
  if (auto store = try_open(false)) return std::move(*store);
  if (error)
    fail("{}: cannot be created: {}; choose another folder with --pixel-store",
         options.file.parent_path().string(), error.message());
  const FileLock lock(options.file.string() + ".lock");
  if (auto store = try_open(true)) return std::move(*store);  // another process built it meanwhile
  build(paths, options, source);
  try {
    return open_checked(options.file, false, options.threads).store;
  } catch (const BadStore& bad) {
    fail("{}: {}, although it was just built: the disk may be failing", options.file.string(),
         bad.reason);
  }
}

std::string check_pixel_store(const fs::path& file, int threads) {
  try {
    open_checked(file, true, threads);
    return "";
  } catch (const BadStore& bad) {
    return bad.reason;
  }
}

}  // namespace lcr
