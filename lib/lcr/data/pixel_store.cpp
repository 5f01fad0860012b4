#include "lcr/data/pixel_store.h"

#include <optional>
#include <utility>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/data/pixel_store_build.h"
#include "lcr/data/pixel_store_format.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

constexpr int kDecoder = 2;  // incremented when decoding or scaling changes

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
  build_pixel_store(paths, options, source);
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
