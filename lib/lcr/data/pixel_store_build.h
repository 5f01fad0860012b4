// Builds the pixel store.
#pragma once

#include <string>
#include <vector>

#include "lcr/data/pixel_store.h"

namespace lcr {

/// Decodes the images and writes the store, under a temporary name until it is complete and on
/// disk. source: the hash of what it is made from. The caller holds the store's lock. Throws
/// UserError on a file that cannot be decoded (beyond options.skip_bad) and if the store cannot be
/// written; Interrupted if a signal stops it.
void build_pixel_store(const std::vector<std::string>& paths, const PixelStoreOptions& options,
                       const std::string& source);

}  // namespace lcr
