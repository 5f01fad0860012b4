// What a data set is: its name, its options, how it is read.
#pragma once

#include <string>
#include <vector>

#include "lcr/config/component.h"
#include "lcr/data/image_set.h"
#include "lcr/data/listing.h"

namespace lcr {

/// A data set. It either lists image files, which are decoded once into the pixel store, or loads
/// its images whole.
struct DatasetSpec {
  std::string name;
  /// Of a data set without a descriptor in datasets/: what it is and what it holds, for lists.
  std::string title = {}, holds = {};
  std::vector<OptionGroup> options = {};
  /// Reads the lists of a data set of image files. Throws UserError saying what is missing and
  /// where it belongs.
  Listing (*list)(const Options&) = nullptr;
  /// Reads or draws the others.
  Dataset (*load)(const Options&, int threads) = nullptr;
  /// Its images have the size of the network's input: they are drawn.
  bool is_drawn = false;

  bool has_image_files() const { return list != nullptr; }
};

}  // namespace lcr
