#include "lcr/data/data_directory.h"

#include <cstdlib>

#include "lcr/base/error.h"
#include "lcr/base/suite_home.h"
#include "lcr/data/dataset_options.h"

namespace lcr {
namespace fs = std::filesystem;

fs::path data_directory(const Options& options) {
  const std::string& given = options.get<DataFolderOptions>().data_dir;
  if (!given.empty()) return given;
  const char* data = std::getenv("LCR_DATA");
  return data && *data ? fs::path(data) : fs::path("data");
}

DatasetDescriptor descriptor_of(const std::string& dataset) {
  return read_descriptor(suite_home() / "datasets" / (dataset + ".json"));
}

fs::path need_directory(const Options& options, const DatasetDescriptor& descriptor) {
  const fs::path path = data_directory(options) / descriptor.directory;
  if (!fs::is_directory(path))
    fail(
        "{}: no such directory; 'lcr-data fetch {}' fetches {}, or name the folder that holds '{}' "
        "with --data-dir or LCR_DATA",
        path.string(), descriptor.name, descriptor.title, descriptor.directory);
  return path;
}

Dataset checked(Dataset data, const DatasetDescriptor& descriptor, const Options& options) {
  check_counts(descriptor, data.train.class_count, data.train.count(), data.test.count(),
               data_directory(options) / descriptor.directory);
  return data;
}

Listing checked(Listing listing, const DatasetDescriptor& descriptor) {
  check_counts(descriptor, listing.class_count(), static_cast<std::int64_t>(listing.train.size()),
               static_cast<std::int64_t>(listing.test.size()), listing.root);
  return listing;
}

}  // namespace lcr
