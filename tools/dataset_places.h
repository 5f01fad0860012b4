// Where the files of a data set's descriptor belong in the data directory.
#pragma once

#include <filesystem>

#include "lcr/data/datasets.h"
#include "lcr/data/descriptor.h"

namespace lcr {

inline std::filesystem::path directory_of(const DatasetDescriptor& d, const Options& options) {
  return data_directory(options) / d.directory;
}

/// The path to which a file of the descriptor is downloaded.
inline std::filesystem::path target_of(const DatasetDescriptor& d, const RemoteFile& file,
                                       const Options& options) {
  return file.unpack ? data_directory(options) / "downloads" / file.name
                     : directory_of(d, options) / file.name;
}

/// Whether the data directory holds the data set or weight file. Does not look into it.
inline bool is_there(const DatasetDescriptor& d, const Options& options) {
  return std::filesystem::exists(d.kind == "weights" ? target_of(d, d.files.front(), options)
                                                     : directory_of(d, options));
}

}  // namespace lcr
