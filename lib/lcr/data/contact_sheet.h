// Samples of a data set and their random views in one picture, for inspection by eye.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"

namespace lcr {

/// What a contact sheet shows.
struct ContactSheetOptions {
  std::int64_t images = 12;  ///< rows, one per sample, drawn from the seed
  std::int64_t views = 6;    ///< random views of each, query and key views in turn
  std::uint64_t seed = 0;
};

/// Draws one row per sample: the image with its box and visible parts, the test view and random
/// training views, with its class above. Sizes and augmentation are those of `options`. class_names
/// may be empty. Writes a PNG file. Throws UserError if the set is empty or the file cannot be
/// written.
void draw_contact_sheet(const ImageSet& set, const std::vector<std::string>& class_names,
                        const Options& options, const ContactSheetOptions& sheet,
                        const std::filesystem::path& path);

}  // namespace lcr
