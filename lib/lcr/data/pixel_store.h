// The pixel store: a data set's images decoded once, in one file that is mapped into memory.
//
// Layout: 8 bytes magic, 8 bytes offset of the index, 8 bytes its size, 64 bytes its SHA-256 in
// hexadecimal; the pixels of one image after the other (RGB, 8 bits); the index in JSON: settings,
// and of every image its size, offset and SHA-256.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lcr/base/files.h"

namespace lcr {

struct PixelStoreOptions {
  std::filesystem::path file;   ///< of the store
  std::filesystem::path root;   ///< of the image files
  std::int64_t short_side = 0;  ///< images with a longer short side are scaled down to it
                                ///< (antialiased bilinear); 0: none are
  std::int64_t cut_bottom = 0;  ///< rows cut off every image before anything else
  std::int64_t skip_bad = 0;    ///< so many files may fail to decode; they are left out
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
  std::vector<std::string> skipped;  ///< why each file that was left out could not be decoded
};

/// Opens the store of these image files (paths relative to options.root), or builds it where it is
/// missing, damaged, or older than a file, setting or list (sizes and modification times tell). A
/// store is built beside its place and renamed when it is whole and on disk; of several processes
/// one builds and the others wait. `verify` checks the SHA-256 of every image, not of the index
/// alone. Throws UserError on a file that cannot be decoded (beyond skip_bad), and if the store
/// cannot be written.
PixelStore open_pixel_store(const std::vector<std::string>& paths, const PixelStoreOptions& options,
                            bool verify);

/// Checks an existing store against its own checksums; returns what is wrong, or "" if nothing is.
std::string check_pixel_store(const std::filesystem::path& file, int threads);

}  // namespace lcr
