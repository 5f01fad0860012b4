// Any folder of images as a component.
#pragma once

#include "lcr/data/dataset_spec.h"

namespace lcr {

/// Where the data set image-folder is.
struct ImageFolderOptions {
  std::string folder;
};

/// train/CLASS/ and test/CLASS/ of --folder.
DatasetSpec image_folder_dataset();

}  // namespace lcr
