// CIFAR-10 and CIFAR-100 in their binary form.
#pragma once

#include <filesystem>
#include <vector>

#include "lcr/data/image_set.h"

namespace lcr {

enum class CifarForm {
  kCifar10,   ///< records of 3,073 bytes: label, then 1,024 red, green and blue bytes
  kCifar100,  ///< records of 3,074 bytes: coarse label, fine label, then the same; the fine label
              ///< is used
};

/// Reads record files in order. Throws UserError on a missing file, a size that is no multiple of
/// the record's, or a label out of range.
ImageSet read_cifar(const std::vector<std::filesystem::path>& files, CifarForm form);

}  // namespace lcr
