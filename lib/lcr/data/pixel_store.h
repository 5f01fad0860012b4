// The pixel store: a data set's images decoded once, in one file that is mapped into memory.
//
// Layout: 8 bytes magic, 8 bytes offset of the index, 8 bytes its size, 64 bytes its SHA-256 in
// hexadecimal; the pixels of one image after the other (RGB, 8 bits); the index in JSON: a hash of
// files and settings, the skipped files, and every image's size, offset and SHA-256.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lcr/base/files.h"

namespace lcr {

struct PixelStoreOptions {
  std::filesystem::path file;  ///< the store
  std::filesystem::path root;  ///< the folder of the image files
  /// Images with a longer short side are scaled down to it (antialiased bilinear); 0: none are.
  std::int64_t short_side = 0;
  std::int64_t cut_bottom = 0;  ///< rows cut off the bottom of every image before anything else
  std::int64_t skip_bad = 0;    ///< the most files that may fail to decode; they are left out
  int threads = 1;
};

struct StoredImage {
  std::int64_t height = 0, width = 0, offset = 0;    ///< height 0: left out
  std::int64_t source_height = 0, source_width = 0;  ///< before scaling, after the cut
  std::string sha256;                                ///< of its pixels
};

struct PixelStore {
  std::shared_ptr<const MappedFile> file;
  std::vector<StoredImage> images;   ///< in the order of the paths
  std::vector<std::string> skipped;  ///< for each file left out, why it could not be decoded
};

/// Opens the store of these image files (paths relative to options.root), or builds it if it is
/// missing, damaged, or made from other files (by size and modification time), settings or lists. A
/// store is built under a temporary name and renamed once it is complete and on disk; of several
/// processes, one builds and the others wait. `verify` checks the SHA-256 of every image, not only
/// of the index. Throws UserError on a file that is missing or cannot be decoded (beyond skip_bad),
/// and if the store cannot be written; Interrupted if a signal stops the building.
PixelStore open_pixel_store(const std::vector<std::string>& paths, const PixelStoreOptions& options,
                            bool verify);

/// Checks an existing store against its own checksums; returns what is wrong, or "" if nothing is.
std::string check_pixel_store(const std::filesystem::path& file, int threads);

}  // namespace lcr
