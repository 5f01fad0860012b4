// The data sets that --dataset chooses from.
#pragma once

#include <string>
#include <vector>

#include "lcr/data/dataset_spec.h"

namespace lcr {

/// All data sets: those of catalogue.cpp and registered ones.
const std::vector<DatasetSpec>& datasets();

/// The data set of that name. Throws UserError naming those there are.
const DatasetSpec& find_dataset(const std::string& name);

/// The data set that the options choose.
const DatasetSpec& dataset_of(const Options& options);

/// The data set consists of image files, which are decoded once into the pixel store.
bool has_image_files(const Options& options);

/// The options that decide which images a run gets, without those that say where they are.
std::vector<std::string> data_option_names(const Options& options);

/// Adds a data set that is not part of this library, before main() starts.
struct RegisteredDataset {
  explicit RegisteredDataset(DatasetSpec spec);
};

}  // namespace lcr
