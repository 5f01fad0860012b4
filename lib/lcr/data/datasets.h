// From --dataset to images: where each data set is, how it is read, and what its splits must hold.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/data/listing.h"

namespace lcr {

/// The lists of a data set of image files (has_image_files()), checked against its descriptor in
/// datasets/. Throws UserError saying what is missing and where it belongs, or what differs.
Listing list_dataset(const Options& options);

/// The file of the pixel store of such a data set.
std::filesystem::path pixel_store_file(const Listing& listing, const Options& options);

/// Loads the data set that the options name, checked against its descriptor in datasets/ if it has
/// one, and cut to the options' limits. Image files are read through the pixel store, which is
/// built if needed; says what was passed over or left out, and warns of class names and images that
/// are easily confused. Without `verify` it does neither, and trusts the store: for workers, whose
/// parent has just checked every image. Throws UserError saying what is missing and where it
/// belongs, what differs, or which class lost all of its images.
Dataset load_dataset(const Options& options, int threads, bool verify = true);

}  // namespace lcr
