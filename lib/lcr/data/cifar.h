// CIFAR-10 and CIFAR-100 in their binary form.
#pragma once

#include <filesystem>
#include <vector>

#include "lcr/data/dataset_spec.h"

namespace lcr {

/// The two binary forms.
enum class CifarForm {
  /// Records of 3,073 bytes: label, then 1,024 bytes each of red, green and blue.
  kCifar10,
  /// Records of 3,074 bytes: coarse label, fine label, then the same. The fine label is used.
  kCifar100,
};

/// Reads record files in order. Throws UserError on a missing file, a size that is not a multiple
/// of the record size, or a label out of range.
ImageSet read_cifar(const std::vector<std::filesystem::path>& files, CifarForm form);

/// CIFAR-10 and CIFAR-100 from the data directory.
DatasetSpec cifar10_dataset();
DatasetSpec cifar100_dataset();

}  // namespace lcr
