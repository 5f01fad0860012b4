// From --dataset to images: where each data set lies, how it is read, what its splits must hold.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "lcr/data/image_set.h"
#include "lcr/data/listing.h"
#include "lcr/record/options.h"

namespace lcr {

/// The data directory: --data-dir, else $LCR_DATA, else "data".
std::filesystem::path data_directory(const Options& options);

/// The lists of a data set of image files (has_image_files()), checked against its descriptor in
/// datasets/. Throws UserError saying what is missing and where it belongs, or what differs.
Listing list_dataset(const Options& options);

/// The pixel store of such a data set: its file.
std::filesystem::path pixel_store_file(const Listing& listing, const Options& options);

/// Loads the data set that the options name, with their limits, checked against its descriptor in
/// datasets/ where it has one. Image files come through the pixel store, which is built where need
/// be. Fashion-MNIST comes from the data directory
/// (`fashion-mnist/`), else from Debian's package, else it is fetched into the data directory.
/// Throws UserError saying what is missing and where it belongs, or what differs.
Dataset load_dataset(const Options& options, int threads);

}  // namespace lcr
