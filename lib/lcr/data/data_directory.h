// Where data sets are, and what their descriptors say.
#pragma once

#include <filesystem>
#include <string>

#include "lcr/config/options.h"
#include "lcr/data/descriptor.h"
#include "lcr/data/image_set.h"
#include "lcr/data/listing.h"

namespace lcr {

/// The data directory: --data-dir, else $LCR_DATA, else "data".
std::filesystem::path data_directory(const Options& options);

/// datasets/NAME.json of the suite.
DatasetDescriptor descriptor_of(const std::string& dataset);

/// The data set's folder in the data directory. Throws UserError saying how to get it unless it is
/// there.
std::filesystem::path need_directory(const Options& options, const DatasetDescriptor& descriptor);

/// The data set or listing, after its numbers were compared with the descriptor's. Throw UserError.
Dataset checked(Dataset data, const DatasetDescriptor& descriptor, const Options& options);
Listing checked(Listing listing, const DatasetDescriptor& descriptor);

}  // namespace lcr
