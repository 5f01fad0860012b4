#include "lcr/data/datasets.h"

#include <fmt/core.h>

#include <cstdlib>

#include "lcr/base/error.h"
#include "lcr/data/cifar.h"
#include "lcr/data/cub200.h"
#include "lcr/data/fetch.h"
#include "lcr/data/idx.h"
#include "lcr/data/synth_birds.h"

namespace lcr {
namespace fs = std::filesystem;

fs::path suite_home() {
  const char* home = std::getenv("LCR_HOME");
  return home && *home ? fs::path(home) : fs::path(LCR_SOURCE_DIR);
}

fs::path data_directory(const Options& options) {
  if (!options.data_dir.empty()) return options.data_dir;
  const char* data = std::getenv("LCR_DATA");
  return data && *data ? fs::path(data) : fs::path("data");
}

namespace {

/// The first of the given places that has the file, uncompressed or not; else nothing.
fs::path find_file(const std::vector<fs::path>& places, const std::string& name) {
  for (const auto& place : places)
    for (const char* suffix : {"", ".gz"})
      if (fs::exists(place / (name + suffix))) return place / (name + suffix);
  return {};
}

Dataset load_fashion_mnist(const Options& options) {
  const fs::path own = data_directory(options) / "fashion-mnist";
  std::vector<fs::path> places = {own};
  // A folder that was named by hand is the only place: a silent fallback would hide a wrong path.
  if (options.data_dir.empty()) places.emplace_back("/usr/share/datasets/fashion-mnist");
  const auto get = [&](const std::string& name) {
    fs::path found = find_file(places, name);
    if (!found.empty()) return found;
    const auto descriptor = read_descriptor(suite_home() / "datasets" / "fashion-mnist.json");
    for (const auto& file : descriptor.files)
      if (file.name == name + ".gz") {
        fmt::print(stderr, "Fetching {} of {} (licence: {}) into {}\n", file.name, descriptor.title, descriptor.licence, own.string());
        fetch_file(file, own / file.name);
        return own / file.name;
      }
    fail("datasets/fashion-mnist.json does not name {}.gz", name);
  };
  constexpr std::int64_t kClasses = 10;
  return {"fashion-mnist", "Fashion-MNIST", read_idx(get("train-images-idx3-ubyte"), get("train-labels-idx1-ubyte"), kClasses),
          read_idx(get("t10k-images-idx3-ubyte"), get("t10k-labels-idx1-ubyte"), kClasses)};
}

fs::path need_directory(const Options& options, const char* name, const char* what) {
  const fs::path path = data_directory(options) / name;
  if (!fs::is_directory(path))
    fail("{}: no such directory; unpack {} there, or name the folder that holds '{}' with --data-dir or LCR_DATA", path.string(), what, name);
  return path;
}

/// A file cut at a record's end reads well: only the count tells.
Dataset checked(Dataset data, std::int64_t train, std::int64_t test, const fs::path& root) {
  if (data.train.count() != train || data.test.count() != test)
    fail("{}: {} training and {} test images where {} has {} and {}: files are truncated or of another data set", root.string(), data.train.count(), data.test.count(), data.title, train, test);
  return data;
}

Dataset load_all(const Options& options, int threads) {
  if (options.dataset == "fashion-mnist") return load_fashion_mnist(options);
  if (options.dataset == "cifar10") {
    const fs::path root = need_directory(options, "cifar-10-batches-bin", "the official cifar-10-binary.tar.gz");
    std::vector<fs::path> train;
    for (int batch = 1; batch <= 5; ++batch) train.push_back(root / fmt::format("data_batch_{}.bin", batch));
    return checked({"cifar10", "CIFAR-10", read_cifar(train, CifarForm::kCifar10), read_cifar({root / "test_batch.bin"}, CifarForm::kCifar10)}, 50000, 10000, root);
  }
  if (options.dataset == "cifar100") {
    const fs::path root = need_directory(options, "cifar-100-binary", "the official cifar-100-binary.tar.gz");
    return checked({"cifar100", "CIFAR-100", read_cifar({root / "train.bin"}, CifarForm::kCifar100), read_cifar({root / "test.bin"}, CifarForm::kCifar100)}, 50000, 10000, root);
  }
  if (options.dataset == "cub200") return read_cub200(need_directory(options, "CUB_200_2011", "the official CUB_200_2011.tgz"), options.limit_train, options.limit_test, threads);
  check_internal(options.dataset == "synthbirds", "a data set without a reader");
  return make_synth_birds({.classes = options.synthbirds_classes,
                           .train_per_class = options.synthbirds_train,
                           .test_per_class = options.synthbirds_test,
                           .size = options.image_size,
                           .first_class = 0,
                           .threads = threads});
}

}  // namespace

Dataset load_dataset(const Options& options, int threads) {
  Dataset data = load_all(options, threads);
  data.train = limit_balanced(std::move(data.train), options.limit_train);
  data.test = limit_balanced(std::move(data.test), options.limit_test);
  return data;
}

}  // namespace lcr
