#include "lcr/data/fashion_mnist.h"

#include <filesystem>

#include "lcr/base/error.h"
#include "lcr/base/suite_home.h"
#include "lcr/data/data_directory.h"
#include "lcr/data/dataset_options.h"
#include "lcr/data/fetch.h"
#include "lcr/data/idx.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFashionMnist = "fashion-mnist";

/// The IDX file in the first place that has it, uncompressed or as .gz; empty if none has it.
/// `name` is the publisher's ("train-images-idx3-ubyte"); some copies have a dot before "idx".
fs::path find_idx_file(const std::vector<fs::path>& places, const std::string& name) {
  std::string dotted = name;
  dotted[name.rfind("-idx")] = '.';
  for (const auto& place : places)
    for (const auto& spelling : {name, dotted})
      for (const char* suffix : {"", ".gz"})
        // Some unpackers make a folder of that name, with the file in it or next to it.
        if (const fs::path file = place / (spelling + suffix);
            fs::exists(file) && !fs::is_directory(file))
          return file;
  return {};
}

/// Where a data set is that came with the suite or with Debian's package of it: in an installed
/// package, as `make setup PREFIX=DIR` unpacked it, or installed.
std::vector<fs::path> places_without_data_directory(const std::string& directory) {
  return {suite_home() / "data" / directory,
          suite_home() / ".packages/debian/usr/share/datasets" / directory,
          fs::path("/usr/share/datasets") / directory};
}

Dataset load_fashion_mnist(const Options& options, int) {
  const DatasetDescriptor descriptor = descriptor_of(kFashionMnist);
  const fs::path own = data_directory(options) / descriptor.directory;
  // torchvision keeps its copy in FashionMNIST/raw/ of the folder that it was given.
  std::vector<fs::path> places = {own, own / "FashionMNIST/raw",
                                  data_directory(options) / "FashionMNIST/raw"};
  // A folder given by --data-dir is the only place: a silent fallback would hide a wrong path.
  if (options.get<DataFolderOptions>().data_dir.empty())
    for (const auto& place : places_without_data_directory(kFashionMnist)) places.push_back(place);
  const auto get = [&](const std::string& name) {
    fs::path found = find_idx_file(places, name);
    if (!found.empty()) return found;
    for (const auto& file : descriptor.files)
      if (file.name == name + ".gz") {
        say("Fetching {} of {} (licence: {}) into {}\n", file.name, descriptor.title,
            descriptor.licence, own.string());
        fetch_file(file, own / file.name);
        return own / file.name;
      }
    fail("datasets/fashion-mnist.json does not name {}.gz", name);
  };
  const std::int64_t classes = descriptor.classes;
  return checked(
      {.name = kFashionMnist,
       .title = descriptor.title,
       .train = read_idx(get("train-images-idx3-ubyte"), get("train-labels-idx1-ubyte"), classes),
       .test = read_idx(get("t10k-images-idx3-ubyte"), get("t10k-labels-idx1-ubyte"), classes)},
      descriptor, options);
}

}  // namespace

DatasetSpec fashion_mnist_dataset() { return {.name = kFashionMnist, .load = load_fashion_mnist}; }

}  // namespace lcr
