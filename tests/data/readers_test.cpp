#include <array>
#include <cstdlib>

#include <gtest/gtest.h>

#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/data/cifar.h"
#include "lcr/data/dataset_options.h"
#include "lcr/data/datasets.h"
#include "lcr/data/idx.h"
#include "tests/support/files.h"

namespace lcr {
namespace {

using testing::expect_user_error;
using testing::TemporaryFolder;
using testing::write_bytes;

std::vector<std::uint8_t> idx_images(std::uint8_t count, std::size_t payload,
                                     std::uint8_t magic = 3) {
  std::vector<std::uint8_t> bytes = {0, 0, 8, magic, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 3};
  for (std::size_t i = 0; i < payload; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return bytes;
}

std::vector<std::uint8_t> idx_labels(std::vector<std::uint8_t> labels) {
  std::vector<std::uint8_t> bytes = {0, 0, 8, 1, 0, 0, 0, static_cast<std::uint8_t>(labels.size())};
  bytes.insert(bytes.end(), labels.begin(), labels.end());
  return bytes;
}

TEST(Idx, ReadsGreyAsRgb) {
  const TemporaryFolder folder;
  write_bytes(folder / "i", idx_images(2, 12));
  write_bytes(folder / "l", idx_labels({4, 9}));
  const ImageSet set = read_idx(folder / "i", folder / "l", 10);
  EXPECT_EQ(set.count(), 2);
  EXPECT_EQ(set.height, 2);
  EXPECT_EQ(set.width, 3);
  EXPECT_EQ(set.labels, (std::vector<std::int32_t>{4, 9}));
  for (std::size_t i = 0; i < 36; ++i) EXPECT_EQ(set.pixels[i], i / 3);
}

TEST(Idx, BadFilesAreRefused) {
  const TemporaryFolder folder;
  write_bytes(folder / "good", idx_images(2, 12));
  write_bytes(folder / "labels", idx_labels({4, 9}));
  const auto read = [&](const char* images, const char* labels, std::int64_t classes = 10) {
    return [=, &folder] { read_idx(folder / images, folder / labels, classes); };
  };
  expect_user_error(read("absent", "labels"), "absent", "no such file");
  write_bytes(folder / "short", idx_images(2, 11));
  expect_user_error(read("short", "labels"), "short", "truncated");
  write_bytes(folder / "magic", idx_images(2, 12, 1));
  expect_user_error(read("magic", "labels"), "magic number");
  write_bytes(folder / "header", std::vector<std::uint8_t>{0, 0, 8});
  expect_user_error(read("header", "labels"), "header");
  auto huge = idx_images(2, 12);
  for (std::size_t i = 4; i < 16; ++i) huge[i] = 0xFF;
  write_bytes(folder / "huge", huge);
  expect_user_error(read("huge", "labels"), "huge", "claims");
  expect_user_error(read("good", "labels", 9), "label 9");
  write_bytes(folder / "few", idx_labels({4}));
  expect_user_error(read("good", "few"), "1 labels");
}

TEST(Cifar, ReadsRecordsOfBothForms) {
  const TemporaryFolder folder;
  std::vector<std::uint8_t> record = {3, 77};  // coarse, fine
  for (int channel = 0; channel < 3; ++channel)
    for (int i = 0; i < 1024; ++i)
      record.push_back(static_cast<std::uint8_t>(channel * 80 + i % 80));
  write_bytes(folder / "c100", record);
  const ImageSet hundred = read_cifar({folder / "c100", folder / "c100"}, CifarForm::kCifar100);
  EXPECT_EQ(hundred.labels, (std::vector<std::int32_t>{77, 77}));
  EXPECT_EQ(hundred.class_count, 100);
  EXPECT_EQ(hundred.image(1).pixels[3 * 5 + 0], 5);
  EXPECT_EQ(hundred.image(1).pixels[3 * 5 + 2], 165);
  record.erase(record.begin());
  record[0] = 7;
  write_bytes(folder / "c10", record);
  EXPECT_EQ(read_cifar({folder / "c10"}, CifarForm::kCifar10).labels, std::vector<std::int32_t>{7});

  expect_user_error([&] { read_cifar({folder / "absent"}, CifarForm::kCifar10); }, "absent");
  expect_user_error([&] { read_cifar({folder / "c10"}, CifarForm::kCifar100); }, "c10",
                    "3074-byte records");
  record[0] = 10;
  write_bytes(folder / "c10", record);
  expect_user_error([&] { read_cifar({folder / "c10"}, CifarForm::kCifar10); }, "label 10");
  record.insert(record.begin(), 20);
  write_bytes(folder / "c100", record);
  expect_user_error([&] { read_cifar({folder / "c100"}, CifarForm::kCifar100); },
                    "coarse label 20");
  write_bytes(folder / "empty", std::vector<std::uint8_t>{});
  expect_user_error([&] { read_cifar({folder / "empty"}, CifarForm::kCifar10); }, "empty");
}

TEST(Cifar, RealCifar100) {
  if (const auto why = testing::lacks_data("cifar-100-binary"); !why.empty()) GTEST_SKIP() << why;
  Options options;
  options.get<DatasetOptions>().dataset = "cifar100";
  const Dataset data = load_dataset(options, 1);
  ASSERT_EQ(data.train.count(), 50000);
  ASSERT_EQ(data.test.count(), 10000);
  for (const auto& [set, each] : {std::pair(&data.train, 500), std::pair(&data.test, 100)}) {
    std::vector<int> counts(100);
    for (const auto label : set->labels) ++counts[static_cast<std::size_t>(label)];
    for (const int count : counts) EXPECT_EQ(count, each);
  }
  // The published channel means: a wrong plane order or a shifted record would miss them.
  std::array<double, 3> sums{};
  for (std::size_t i = 0; i < data.train.pixels.size(); ++i) sums[i % 3] += data.train.pixels[i];
  const std::array published = {0.5071, 0.4865, 0.4409};
  for (std::size_t c = 0; c < 3; ++c)
    EXPECT_NEAR(sums[c] / (50000.0 * 1024 * 255), published[c], 1e-4);
}

TEST(FashionMnist, RealFilesWhereDebianPutsThem) {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist"))
    GTEST_SKIP() << "needs Debian's package dataset-fashion-mnist";
  const Dataset data = load_dataset(Options{}, 1);
  EXPECT_EQ(data.train.count(), 60000);
  EXPECT_EQ(data.test.count(), 10000);
  std::vector<int> counts(10);
  for (const auto label : data.test.labels) ++counts[static_cast<std::size_t>(label)];
  for (const int count : counts) EXPECT_EQ(count, 1000);
}

TEST(ImageSet, BalancedLimitTakesClassesInTurn) {
  ImageSet set;
  set.height = set.width = 1;
  set.class_count = 3;
  for (int i = 0; i < 12; ++i) {
    set.labels.push_back(i / 4);
    set.pixels.insert(set.pixels.end(), 3, static_cast<std::uint8_t>(i));
    set.masks.push_back(static_cast<std::uint8_t>(i));
  }
  const ImageSet few = limit_balanced(set, 7);
  EXPECT_EQ(few.labels, (std::vector<std::int32_t>{0, 1, 2, 0, 1, 2, 0}));
  EXPECT_EQ(few.masks, (std::vector<std::uint8_t>{0, 4, 8, 1, 5, 9, 2}));
  EXPECT_EQ(few.image(4).pixels[0], 5);
  EXPECT_EQ(limit_balanced(set, 0).labels, set.labels);
  EXPECT_EQ(limit_balanced(set, 99).labels, set.labels);
  EXPECT_NE(fingerprint(few), fingerprint(set));
  ImageSet swapped = set;
  std::swap(swapped.labels[0], swapped.labels[11]);
  EXPECT_NE(fingerprint(swapped), fingerprint(set));
}

TEST(ImageSet, FingerprintIsOfContentWhereverItLies) {
  ImageSet set;
  set.height = 2;
  set.width = 1;
  set.class_count = 2;
  set.labels = {0, 1};
  for (std::uint8_t i = 0; i < 12; ++i) set.pixels.push_back(i);
  ImageSet placed = set;
  placed.height = placed.width = 0;
  placed.places = {{2, 1, 0}, {2, 1, 6}};
  ImageSet known = placed;
  for (std::int64_t i = 0; i < 2; ++i)
    known.digests.push_back(
        sha256_hex({reinterpret_cast<const char*>(set.image(i).pixels.data()), 6}));
  EXPECT_EQ(fingerprint(placed), fingerprint(known));
  ImageSet other = placed;
  other.pixels[7] ^= 1;
  EXPECT_NE(fingerprint(placed), fingerprint(other));
  placed.places[1] = {1, 2, 6};
  EXPECT_NE(fingerprint(placed), fingerprint(known));
}

TEST(Datasets, MissingFoldersSayWhatBelongsThere) {
  const TemporaryFolder folder;
  Options options;
  options.get<DataFolderOptions>().data_dir = folder.path();
  options.get<DatasetOptions>().dataset = "cifar100";
  expect_user_error([&] { load_dataset(options, 1); }, "cifar-100-binary", "--data-dir");
  options.get<DatasetOptions>().dataset = "cifar10";
  expect_user_error([&] { load_dataset(options, 1); }, "cifar-10-batches-bin");
}

}  // namespace
}  // namespace lcr
