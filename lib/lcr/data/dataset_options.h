// Options that say which images a run uses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/config/options.h"

namespace lcr {

/// Which images of which data set.
struct DatasetOptions {
  std::string dataset = "fashion-mnist";
  std::string classes = "all";
  std::int64_t limit_train = 0, limit_test = 0;
};

/// How image files become the pixels of the store.
struct ImageFileOptions {
  std::int64_t store_side = 0;
};

/// Where data sets are. None of these is part of a run's identity.
struct DataFolderOptions {
  std::string data_dir, pixel_store;
  std::int64_t skip_bad = 0;
};

std::vector<OptionSpec> dataset_options();
std::vector<OptionSpec> image_file_options();
std::vector<OptionSpec> data_folder_options();

}  // namespace lcr
