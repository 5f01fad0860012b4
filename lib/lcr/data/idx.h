// The IDX format of MNIST and Fashion-MNIST (big-endian header, unsigned bytes), plain or
// gzip-compressed.
#pragma once

#include <filesystem>

#include "lcr/data/image_set.h"

namespace lcr {

/// Reads an image file (magic 0x00000803) and its label file (magic 0x00000801); grey becomes RGB
/// by repetition. Throws UserError on a wrong magic number, truncated or overlong file, differing
/// counts, or a label >= class_count.
ImageSet read_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                  std::int64_t class_count);

}  // namespace lcr
