#include "lcr/data/pixel_store.h"

#include <thread>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lcr/base/hashing.h"
#include "lcr/data/dataset_options.h"
#include "lcr/experiment/control_options.h"
#include "lcr/image/image_file.h"
#include "tests/support/files.h"
#include "tests/support/images.h"
#include "tests/support/small_disk.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;
using testing::expect_user_error;
using testing::write_bytes;

class PixelStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder / "images");
    for (const auto& [path, name] : {std::pair("a.jpg", "4:2:0"), std::pair("b.jpg", "grey"),
                                     std::pair("c.jpg", "cmyk"), std::pair("d.png", "png")}) {
      write_bytes(folder / "images" / path, testing::image_file(name));
      paths.push_back(path);
    }
    options = {.file = folder / "store" / "x.pixels", .root = folder / "images", .threads = 2};
  }
  PixelStore open() { return open_pixel_store(paths, options, true); }
  static std::vector<std::uint8_t> pixels(const PixelStore& store, std::size_t i) {
    const StoredImage& image = store.images[i];
    const auto bytes =
        store.file->bytes().subspan(static_cast<std::size_t>(image.offset),
                                    static_cast<std::size_t>(image.height * image.width * 3));
    return {bytes.begin(), bytes.end()};
  }
  /// Opens the store; returns whether that built it.
  bool builds() {
    std::error_code error;
    const auto before = fs::exists(options.file) ? sha256_file(options.file) : "";
    const auto time =
        fs::exists(options.file) ? fs::last_write_time(options.file) : fs::file_time_type();
    open();
    return before.empty() || fs::last_write_time(options.file) != time;
  }
  void no_traces() {
    for (const auto& entry : fs::directory_iterator(folder / "store")) {
      const std::string name = entry.path().filename().string();
      EXPECT_TRUE(name == "x.pixels" || name == "x.pixels.lock") << name;
    }
  }
  testing::TemporaryFolder folder;
  std::vector<std::string> paths;
  PixelStoreOptions options;
};

TEST_F(PixelStoreTest, HoldsWhatTheFilesDecodeTo) {
  const PixelStore store = open();
  ASSERT_EQ(store.images.size(), paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i)
    EXPECT_EQ(pixels(store, i), read_image(folder / "images" / paths[i]).pixels) << paths[i];
  EXPECT_TRUE(store.skipped.empty());
  EXPECT_FALSE(builds());
  EXPECT_EQ(check_pixel_store(options.file, 1), "");
  no_traces();
  // The same bytes whatever the number of threads.
  const std::string before = sha256_file(options.file);
  fs::remove(options.file);
  options.threads = 1;
  open();
  EXPECT_EQ(sha256_file(options.file), before);
}

TEST_F(PixelStoreTest, ScalesAndCuts) {
  options.short_side = 8;
  options.cut_bottom = 4;
  const PixelStore store = open();
  for (const auto& image : store.images) {
    EXPECT_EQ(image.height, 8);  // 26 x (20 - 4)
    EXPECT_EQ(image.width, 13);
    EXPECT_EQ(image.source_height, 16);
    EXPECT_EQ(image.source_width, 26);
  }
  options.short_side = 100;  // nothing is enlarged
  EXPECT_EQ(open().images[0].height, 16);
}

TEST_F(PixelStoreTest, ChangesOfFilesSettingsAndListsMakeItStale) {
  EXPECT_TRUE(builds());
  EXPECT_FALSE(builds());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  write_bytes(folder / "images/b.jpg", testing::image_file("4:4:4"));
  EXPECT_TRUE(builds());
  options.short_side = 10;
  EXPECT_TRUE(builds());
  paths.pop_back();
  EXPECT_TRUE(builds());
  std::swap(paths[0], paths[1]);
  EXPECT_TRUE(builds());
  EXPECT_FALSE(builds());
  no_traces();
}

TEST_F(PixelStoreTest, DamageIsDetectedAndRepaired) {
  open();
  const auto whole = read_file(options.file, 1 << 20);
  // One byte anywhere: in the magic, the header, the pixels, the index.
  for (const std::size_t at : {std::size_t{0}, std::size_t{9}, std::size_t{40}, std::size_t{100},
                               whole.size() / 2, whole.size() - 3}) {
    auto bytes = whole;
    bytes[at] ^= 1;
    write_bytes(options.file, bytes);
    EXPECT_NE(check_pixel_store(options.file, 1), "") << at;
    EXPECT_TRUE(builds()) << at;
    EXPECT_EQ(read_file(options.file, 1 << 20), whole) << at;
  }
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{5}, std::size_t{88}, whole.size() - 1}) {
    fs::resize_file(options.file, size);
    if (size > 0) EXPECT_NE(check_pixel_store(options.file, 1), "") << size;
    open();
    EXPECT_EQ(read_file(options.file, 1 << 20), whole) << size;
  }
  no_traces();
}

TEST_F(PixelStoreTest, ABadFileStopsTheBuildUnlessItMayBeSkipped) {
  const auto bytes = testing::image_file("4:2:0");
  write_bytes(folder / "images/b.jpg",
              std::vector<std::uint8_t>(bytes.begin(), bytes.begin() + 300));
  expect_user_error([&] { open(); }, "b.jpg", "JPEG", "--skip-bad");
  EXPECT_FALSE(fs::exists(options.file));
  no_traces();
  options.skip_bad = 1;
  const PixelStore store = open();
  ASSERT_EQ(store.skipped.size(), 1U);
  EXPECT_NE(store.skipped[0].find("b.jpg"), std::string::npos);
  EXPECT_EQ(store.images[1].height, 0);
  EXPECT_EQ(store.images[2].height, 20);
  EXPECT_FALSE(builds());
  write_bytes(folder / "images/c.jpg", std::string("no image"));
  expect_user_error([&] { open(); }, "c.jpg", "file 2 that cannot be decoded");
  options.skip_bad = 0;  // a store with a gap does not serve a reader that wants all images
  expect_user_error([&] { open(); }, "b.jpg");
  paths[1] = "absent.jpg";
  expect_user_error([&] { open(); }, "absent.jpg", "no such file");
}

TEST_F(PixelStoreTest, ProcessesBuildingAtOnceDoNotClash) {
  for (int i = 0; i < 300; ++i) {
    paths.push_back(fmt::format("n{}.jpg", i));
    write_bytes(folder / "images" / paths.back(), testing::image_file("4:2:0"));
  }
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        ::_exit(open_pixel_store(paths, options, true).images.size() == paths.size() ? 0 : 1);
      } catch (...) {
        ::_exit(2);
      }
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_FALSE(builds());
  no_traces();
}

TEST_F(PixelStoreTest, KilledWhileBuildingLeavesNothingThatLooksWhole) {
  for (int i = 0; i < 400; ++i) {
    paths.push_back(fmt::format("n{}.jpg", i));
    write_bytes(folder / "images" / paths.back(), testing::image_file("progressive"));
  }
  for (const int after_microseconds : {0, 2000, 5000, 10000, 20000, 40000}) {
    const pid_t child = ::fork();
    if (child == 0) {
      open_pixel_store(paths, options, true);
      ::_exit(0);
    }
    ::usleep(static_cast<useconds_t>(after_microseconds));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    if (fs::exists(options.file)) {
      EXPECT_EQ(check_pixel_store(options.file, 1), "");
      fs::remove(options.file);
    }
  }
  EXPECT_EQ(open().images.size(), paths.size());
  no_traces();
}

TEST_F(PixelStoreTest, AFullDiskIsSaidAndLeavesNothing) {
  const fs::path disk = folder / "disk";
  const testing::SmallDisk small(disk, 8);
  options.file = disk / "x.pixels";
  for (int i = 0; i < 40; ++i) paths.push_back(paths[0]);
  expect_user_error([&] { open(); }, "x.pixels", small.complaint(), "--pixel-store");
  EXPECT_FALSE(fs::exists(options.file));
  for (const auto& entry : fs::directory_iterator(disk))
    EXPECT_EQ(entry.path().filename(), "x.pixels.lock");
}

TEST_F(PixelStoreTest, AFolderThatCannotBeWrittenIsSaidUnlessTheStoreIsThere) {
  open();
  fs::permissions(folder / "store", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_NO_THROW(open());
  fs::permissions(folder / "store", fs::perms::owner_all);
  write_bytes(folder / "file", std::string("x"));
  options.file = folder / "file" / "x.pixels";
  expect_user_error([&] { open(); }, "file", "--pixel-store");
}

}  // namespace
}  // namespace lcr
