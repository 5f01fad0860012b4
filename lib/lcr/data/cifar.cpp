#include "lcr/data/cifar.h"

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/data/data_directory.h"

namespace lcr {
namespace fs = std::filesystem;

ImageSet read_cifar(const std::vector<std::filesystem::path>& files, CifarForm form) {
  constexpr std::size_t kSide = 32, kPlane = kSide * kSide;
  constexpr std::uint64_t kMaxBytes = 1ull << 30;
  constexpr int kCoarseClasses = 20;
  const std::size_t label_bytes = form == CifarForm::kCifar10 ? 1 : 2;
  const std::size_t record = label_bytes + 3 * kPlane;
  ImageSet set;
  set.height = set.width = kSide;
  set.class_count = form == CifarForm::kCifar10 ? 10 : 100;
  for (const auto& path : files) {
    const auto bytes = read_file(path, kMaxBytes);
    if (bytes.empty() || bytes.size() % record != 0)
      fail("{}: {} bytes are not a whole number of {}-byte records: truncated, or another format",
           path.string(), bytes.size(), record);
    set.pixels.reserve(set.pixels.size() + bytes.size());
    for (std::size_t start = 0; start < bytes.size(); start += record) {
      if (form == CifarForm::kCifar100 && bytes[start] >= kCoarseClasses)
        fail("{}: record {} has coarse label {}, above the largest, {}", path.string(),
             start / record, bytes[start], kCoarseClasses - 1);
      const int label = bytes[start + label_bytes - 1];
      if (label >= set.class_count)
        fail("{}: record {} has label {}, above the largest, {}", path.string(), start / record,
             label, set.class_count - 1);
      set.labels.push_back(label);
      const std::uint8_t* plane = bytes.data() + start + label_bytes;
      for (std::size_t i = 0; i < kPlane; ++i)
        for (std::size_t channel = 0; channel < 3; ++channel)
          set.pixels.push_back(plane[channel * kPlane + i]);
    }
  }
  return set;
}

namespace {

Dataset load_cifar10(const Options& options, int) {
  const DatasetDescriptor descriptor = descriptor_of("cifar10");
  const fs::path root = need_directory(options, descriptor);
  std::vector<fs::path> train;
  for (int batch = 1; batch <= 5; ++batch)
    train.push_back(root / fmt::format("data_batch_{}.bin", batch));
  return checked({.name = descriptor.name,
                  .title = descriptor.title,
                  .train = read_cifar(train, CifarForm::kCifar10),
                  .test = read_cifar({root / "test_batch.bin"}, CifarForm::kCifar10)},
                 descriptor, options);
}

Dataset load_cifar100(const Options& options, int) {
  const DatasetDescriptor descriptor = descriptor_of("cifar100");
  const fs::path root = need_directory(options, descriptor);
  return checked({.name = descriptor.name,
                  .title = descriptor.title,
                  .train = read_cifar({root / "train.bin"}, CifarForm::kCifar100),
                  .test = read_cifar({root / "test.bin"}, CifarForm::kCifar100)},
                 descriptor, options);
}

}  // namespace

DatasetSpec cifar10_dataset() { return {.name = "cifar10", .load = load_cifar10}; }
DatasetSpec cifar100_dataset() { return {.name = "cifar100", .load = load_cifar100}; }

}  // namespace lcr
