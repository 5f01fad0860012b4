// Samples of a data set and of their random views on one picture, to look at.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lcr/data/image_set.h"
#include "lcr/record/options.h"

namespace lcr {

struct ContactSheetOptions {
  std::int64_t images = 12;  ///< rows, one a sample, drawn from the seed
  std::int64_t views = 6;    ///< random views of each, query and key views in turn
  std::uint64_t seed = 0;
};

/// Draws one row a sample: the image with its box and visible parts, the test view, random training
/// views; its class above. Sizes and augmentation are those of `options`. class_names may be empty.
/// Writes a PNG file.
void draw_contact_sheet(const ImageSet& set, const std::vector<std::string>& class_names,
                        const Options& options, const ContactSheetOptions& sheet,
                        const std::filesystem::path& path);

}  // namespace lcr
