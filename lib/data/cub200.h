// CUB-200-2011 (Wah et al. 2011) as its archive unpacks: images.txt, image_class_labels.txt, train_test_split.txt, images/.
#pragma once

#include <filesystem>

#include "lcr/data/image_set.h"

namespace lcr {

/// Reads both splits in the order of images.txt, at most `limit_train` and `limit_test` images (0: all), chosen in class-balanced order
/// before any image is decoded. Throws UserError on a missing or malformed list, lists that disagree, or a damaged image.
Dataset read_cub200(const std::filesystem::path& root, std::int64_t limit_train, std::int64_t limit_test, int threads);

}  // namespace lcr
