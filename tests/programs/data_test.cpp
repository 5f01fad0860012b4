// lcr-data as a user runs it, and an experiment on image files.
#include <cstdlib>
#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/image/image_file.h"
#include "lcr/image/png_file.h"
#include "tests/support/files.h"
#include "tests/support/http_server.h"
#include "tests/support/images.h"
#include "tests/support/programs.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;
using testing::HttpServer;
using testing::write_bytes;

using testing::Outcome;

class DataProgram : public testing::ProgramTest {
 protected:
  using ProgramTest::run;
  Outcome run(const std::string& name, const std::string& arguments) {
    return run(name + " " + arguments);
  }
  Outcome data(const std::string& arguments) {
    return run("lcr-data", arguments + " --data-dir data");
  }
  void expect_refused(const std::string& arguments, const std::string& part) {
    const Outcome outcome = data(arguments);
    EXPECT_EQ(outcome.code, 2) << arguments << outcome.err;
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
  void write_folder(int each = 3) {
    for (const char* split : {"train", "test"})
      for (const char* name : {"a", "b"})
        for (int i = 0; i < each; ++i) {
          fs::create_directories(folder / "folder" / split / name);
          write_bytes(folder / "folder" / split / name / (std::to_string(i) + ".jpg"),
                      testing::image_file(i % 2 ? "4:4:4" : "grey"));
        }
  }
  /// An archive of CUB with three images; returns its bytes, as a server would send them.
  std::string cub_archive() {
    const std::unique_ptr<archive, int (*)(archive*)> writer(archive_write_new(),
                                                             archive_write_free);
    archive_write_set_format_pax_restricted(writer.get());
    archive_write_add_filter_gzip(writer.get());
    archive_write_open_filename(writer.get(), (folder / "cub.tgz").c_str());
    const auto add = [&](const std::string& path, const std::string& content) {
      const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                           archive_entry_free);
      archive_entry_set_pathname(entry.get(), ("CUB_200_2011/" + path).c_str());
      archive_entry_set_filetype(entry.get(), AE_IFREG);
      archive_entry_set_perm(entry.get(), 0644);
      archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
      archive_write_header(writer.get(), entry.get());
      archive_write_data(writer.get(), content.data(), content.size());
    };
    const auto jpeg = testing::image_file("4:2:0");
    add("classes.txt", "1 001.A\n2 002.B\n");
    add("images.txt", "1 001.A/a.jpg\n2 002.B/b.jpg\n3 002.B/c.jpg\n");
    add("image_class_labels.txt", "1 1\n2 2\n3 2\n");
    add("train_test_split.txt", "1 1\n2 0\n3 1\n");
    add("bounding_boxes.txt", "1 2 2 13 10\n2 0 0 26 20\n3 2 2 3 3\n");
    for (const char* name : {"001.A/a.jpg", "002.B/b.jpg", "002.B/c.jpg"})
      add(std::string("images/") + name, {jpeg.begin(), jpeg.end()});
    archive_write_close(writer.get());
    const auto bytes = read_file(folder / "cub.tgz", 1 << 24);
    return {bytes.begin(), bytes.end()};
  }
  void describe_cub(const std::string& url, int train = 2) {
    auto json = nlohmann::json::parse(read_text(fs::path(LCR_SOURCE_DIR) / "datasets/cub200.json"));
    json["classes"] = 2;
    json["train"] = train;
    json["test"] = 1;
    json["files"][0]["url"] = url;
    json["files"][0].erase("bytes");
    json["files"][0]["md5"] = md5_file(folder / "cub.tgz");
    write_atomic(home / "datasets/cub200.json", json.dump());
  }
};

TEST_F(DataProgram, ListsAndDescribes) {
  const Outcome list = data("list");
  EXPECT_EQ(list.code, 0);
  for (const char* name : {"cub200", "stanford-cars", "fgvc-aircraft", "cifar10", "cifar100",
                           "fashion-mnist", "resnet50-imagenet", "synthbirds"})
    EXPECT_NE(list.out.find(name), std::string::npos) << name;
  const Outcome info = data("info cub200");
  for (const char* part :
       {"97eceeb196236b17998738112f37df78", "non-commercial", "Welinder", "5994 training"})
    EXPECT_NE(info.out.find(part), std::string::npos) << part;
  EXPECT_EQ(run("lcr-data", "--help").code, 0);
}

TEST_F(DataProgram, BadCommandLines) {
  expect_refused("", "unknown command");
  expect_refused("eat cub200", "'eat'");
  expect_refused("info", "needs a data set");
  expect_refused("info nothing", "'nothing'");
  expect_refused("fetch nothing", "'nothing'");
  expect_refused("show nothing", "'nothing'");
  expect_refused("show synthbirds --views 1000", "views");
  expect_refused("show synthbirds --split val", "'val'");
  expect_refused("pack synthbirds", "no image files");
  expect_refused("pack image-folder", "--folder");
  expect_refused("verify cub200", "lcr-data fetch cub200");
  expect_refused("pack cub200 --store-side x", "store-side = 'x'");
  expect_refused("list --no-such", "no-such");
  expect_refused("show synthbirds --test-resize 64", "test-resize = 64");
}

TEST_F(DataProgram, FetchesUnpacksVerifiesPacksAndShows) {
  const HttpServer server(cub_archive());
  describe_cub(server.url());
  const Outcome fetched = data("fetch cub200");
  ASSERT_EQ(fetched.code, 0) << fetched.err;
  EXPECT_NE(fetched.out.find("licence"), std::string::npos);
  EXPECT_LT(fetched.out.find("licence"), fetched.out.find("2 training"));
  EXPECT_FALSE(fs::exists(folder / "data/downloads/CUB_200_2011.tgz"));
  EXPECT_TRUE(fs::exists(folder / "data/CUB_200_2011/images/002.B/c.jpg"));
  EXPECT_NE(data("fetch cub200").out.find("there already"), std::string::npos);
  EXPECT_EQ(server.requests(), 1);

  EXPECT_EQ(data("verify cub200").code, 0);
  const Outcome packed = data("pack cub200");
  EXPECT_EQ(packed.code, 0) << packed.err;
  EXPECT_TRUE(fs::exists(folder / "data/pixel-store/cub200.pixels"));
  EXPECT_NE(data("verify cub200").out.find("whole"), std::string::npos);
  EXPECT_EQ(data("pack cub200 --store-side 10 --pixel-store elsewhere").code, 0);
  EXPECT_TRUE(fs::exists(folder / "elsewhere/cub200-10.pixels"));

  const Outcome shown = data("show cub200 --images 2 --views 3 --out sheet.png");
  EXPECT_EQ(shown.code, 0) << shown.err;
  const RgbImage sheet = read_image(folder / "sheet.png");
  EXPECT_EQ(sheet.width, 6 + 5 * (128 + 6));
  EXPECT_GT(sheet.height, 2 * 128);

  // One damaged image.
  fs::resize_file(folder / "data/CUB_200_2011/images/002.B/c.jpg", 500);
  const Outcome damaged = data("verify cub200");
  EXPECT_EQ(damaged.code, 2);
  EXPECT_NE(damaged.out.find("c.jpg"), std::string::npos);
  EXPECT_NE(damaged.err.find("1 of 3"), std::string::npos);
  EXPECT_EQ(data("pack cub200").code, 2);
  // Without it a class would have no training image.
  const Outcome lost = data("pack cub200 --skip-bad 1");
  EXPECT_EQ(lost.code, 2);
  EXPECT_NE(lost.err.find("002.B (train)"), std::string::npos) << lost.err;
}

TEST_F(DataProgram, AFetchThatStoppedAfterUnpackingGoesOn) {
  const HttpServer server(cub_archive());
  describe_cub(server.url(), 3);
  EXPECT_EQ(data("fetch cub200").code, 2);  // unpacked, but not what the descriptor promises
  describe_cub(server.url());
  const Outcome again = data("fetch cub200");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(server.requests(), 1);
  // A set unpacked by hand is accepted as it is.
  fs::create_directories(folder / "other");
  fs::rename(folder / "data/CUB_200_2011", folder / "other/CUB_200_2011");
  const Outcome by_hand = run("lcr-data", "fetch cub200 --data-dir other");
  EXPECT_NE(by_hand.out.find("there already"), std::string::npos) << by_hand.err;
  EXPECT_EQ(server.requests(), 1);
}

TEST_F(DataProgram, AFetchThatStoppedBeforeUnpackingGoesOn) {
  const HttpServer server(cub_archive());
  describe_cub(server.url());
  // A file that is not an archive goes into the set's directory, which therefore exists before
  // anything is unpacked.
  HttpServer other("a file", HttpServer::Manner::kNotFound);
  write_bytes(folder / "other", std::string("a file"));
  auto json = nlohmann::json::parse(read_text(home / "datasets/cub200.json"));
  json["files"].push_back(
      {{"name", "other.txt"}, {"url", other.url()}, {"md5", md5_file(folder / "other")}});
  write_atomic(home / "datasets/cub200.json", json.dump());
  const Outcome failed = data("fetch cub200");
  EXPECT_EQ(failed.code, 2);
  EXPECT_NE(failed.err.find("other.txt"), std::string::npos) << failed.err;
  EXPECT_TRUE(fs::exists(folder / "data/CUB_200_2011"));
  EXPECT_FALSE(fs::exists(folder / "data/CUB_200_2011/images"));
  other.behave(HttpServer::Manner::kWell);
  const Outcome again = data("fetch cub200");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out.find("there already"), std::string::npos);
  EXPECT_EQ(read_text(folder / "data/CUB_200_2011/other.txt"), "a file");
  EXPECT_EQ(server.requests(), 1);
  for (const auto& entry : fs::directory_iterator(folder / "data/downloads"))
    EXPECT_EQ(entry.path().extension(), ".lock") << entry.path();
  EXPECT_NE(data("fetch cub200").out.find("there already"), std::string::npos);
}

TEST_F(DataProgram, FetchesWeights) {
  const std::string content(5000, 'w');
  write_bytes(folder / "content", content);
  const HttpServer server(content);
  auto json = nlohmann::json::parse(
      read_text(fs::path(LCR_SOURCE_DIR) / "datasets/resnet50-imagenet.json"));
  json["files"][0]["url"] = server.url();
  json["files"][0]["bytes"] = content.size();
  json["files"][0]["sha256"] = sha256_file(folder / "content");
  write_atomic(home / "datasets/resnet50-imagenet.json", json.dump());
  expect_refused("verify resnet50-imagenet", "resnet50-0676ba61.pth");
  const Outcome fetched = data("fetch resnet50-imagenet");
  ASSERT_EQ(fetched.code, 0) << fetched.err;
  EXPECT_NE(fetched.out.find("BSD-3-Clause"), std::string::npos);
  EXPECT_EQ(read_text(folder / "data/weights/resnet50-0676ba61.pth"), content);
  EXPECT_EQ(data("verify resnet50-imagenet").code, 0);
  EXPECT_EQ(data("fetch resnet50-imagenet").code, 0);
  EXPECT_EQ(server.requests(), 1);
  fs::resize_file(folder / "data/weights/resnet50-0676ba61.pth", 4999);
  expect_refused("verify resnet50-imagenet", "4999 bytes instead of 5000");
}

TEST_F(DataProgram, WrongArchivesAreRefused) {
  const std::string good = cub_archive();
  std::string other = good;
  other[good.size() / 2] ^= 1;
  const HttpServer server(other);
  describe_cub(server.url());
  const Outcome tampered = data("fetch cub200");
  EXPECT_EQ(tampered.code, 2);
  EXPECT_NE(tampered.err.find("MD5"), std::string::npos) << tampered.err;
  EXPECT_FALSE(fs::exists(folder / "data/CUB_200_2011"));
  // The right archive, but not what the descriptor promises.
  const HttpServer right(good);
  describe_cub(right.url(), 3);
  const Outcome counts = data("fetch cub200");
  EXPECT_EQ(counts.code, 2);
  EXPECT_NE(counts.err.find("2 training images instead of 3"), std::string::npos) << counts.err;
}

TEST_F(DataProgram, AnExperimentTrainsOnAFolderAndSkipsBadFilesWhenTold) {
  write_folder(8);
  const std::string c1 =
      "--dataset image-folder --folder folder --data-dir data --image-size 16 --width 4 "
      "--batch-size 4 --queue-size 8 --epochs 1 --limit-train 0 --limit-test 0 --seeds 0 --threads "
      "1 --jobs 1 ";
  const Outcome good = run("cifar100_baseline", c1);
  ASSERT_EQ(good.code, 0) << good.err;
  const auto stores = [&] {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(folder / "data/pixel-store"))
      count += entry.path().extension() == ".pixels" &&
               entry.path().filename().string().starts_with("folder-");
    return count;
  };
  EXPECT_EQ(stores(), 1);
  EXPECT_EQ(data("pack image-folder --folder folder/").code, 0);  // the same folder by another name
  EXPECT_EQ(stores(), 1);
  fs::resize_file(folder / "folder/train/a/3.jpg", 400);
  const Outcome stopped = run("cifar100_baseline", c1);
  EXPECT_EQ(stopped.code, 2);
  EXPECT_NE(stopped.err.find("3.jpg"), std::string::npos) << stopped.err;
  const Outcome skipped = run("cifar100_baseline", c1 + "--skip-bad 2");
  EXPECT_EQ(skipped.code, 0) << skipped.err;
  EXPECT_NE(skipped.err.find("1 image files are left out"), std::string::npos) << skipped.err;
  // Another training set, which the evaluations of the controls may use too.
  EXPECT_NE(skipped.err.find("4 to do"), std::string::npos) << skipped.err;
}

TEST_F(DataProgram, VerifySaysWhatIsReadAndWhatIsPassedOver) {
  write_folder();
  const fs::path train = folder / "folder/train", test = folder / "folder/test";
  fs::create_directories(train / "a/deep");
  fs::copy_file(train / "a/0.jpg", train / "a/deep/3.jpg");
  for (const char* name : {"a/1.webp", "a/2.webp", "b/._0.jpg", "b/0.tiff"})
    write_bytes(train / name, std::string("x"));
  fs::create_symlink("nowhere", test / "b/9.jpg");
  const Outcome whole = data("verify image-folder --folder folder");
  EXPECT_EQ(whole.code, 0) << whole.err;
  const auto says = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
  };
  says(whole.out,
       "train: 11 files seen, 7 read, 4 passed over: 2 .webp (train/a/1.webp), 1 .tiff "
       "(train/b/0.tiff), 1 hidden (train/b/._0.jpg)\n");
  says(whole.out, "test: 7 files seen, 6 read, 1 passed over: 1 broken link (test/b/9.jpg)\n");
  says(whole.out, "all 13 image files");
  says(whole.out, "warning: 6 of 6 test images are training images too");
  // Whoever uses the folder is told the same, once.
  const Outcome packed = data("pack image-folder --folder folder");
  EXPECT_EQ(packed.code, 0) << packed.err;
  says(packed.err, "passed over in train/: 2 .webp (train/a/1.webp), 1 .tiff");
  says(packed.err, "in test/: 1 broken link (test/b/9.jpg)\n");
  says(packed.err, "warning: 6 of 6 test images are training images too");
  EXPECT_EQ(packed.err.find("passed over"), packed.err.rfind("passed over")) << packed.err;
  says(packed.out, "7 training and 6 test images");
  // One undecodable file is counted; all of a class are an error that names it.
  for (int i = 0; i < 3; ++i) {
    fs::resize_file(test / "b" / (std::to_string(i) + ".jpg"), 300);
    const Outcome damaged = data("verify image-folder --folder folder");
    EXPECT_EQ(damaged.code, 2);
    says(damaged.out, "test: 7 files seen, " + std::to_string(5 - i) + " read, " +
                          std::to_string(2 + i) + " passed over");
    says(damaged.out, std::to_string(i + 1) + " undecodable (test/b/0.jpg)");
    says(damaged.err, std::to_string(i + 1) + " of 13 image files cannot be decoded");
    EXPECT_EQ(damaged.err.find("all images of a class: b (test)") != std::string::npos, i == 2)
        << damaged.err;
  }
  const Outcome lost = data("pack image-folder --folder folder --skip-bad 3");
  EXPECT_EQ(lost.code, 2);
  says(lost.err, "none of the images of a class can be decoded: b (test)");
  fs::remove_all(train / "a");
  fs::create_directories(train / "a");
  expect_refused("verify image-folder --folder folder", "no image (.jpg, .jpeg, .png) in train/a");
  fs::remove(train / "a");
  expect_refused("verify image-folder --folder folder", "missing: train/a");
}

TEST_F(DataProgram, DifferentImagesAreNoTwinsAndOddClassNamesAreSaid) {
  for (const char* name : {"Owl", "owl"}) {
    for (const char* split : {"train", "test"}) {
      fs::create_directories(folder / "folder" / split / name);
      write_bytes(folder / "folder" / split / name / "1.jpg",
                  testing::image_file(split == std::string("train") ? "4:2:0" : "4:4:4"));
    }
    // The pixels count, whatever the name of the file and its class.
    fs::copy_file(folder / "folder/train" / name / "1.jpg",
                  folder / "folder/train" / name / "2.jpeg");
  }
  const Outcome distinct = data("pack image-folder --folder folder");
  EXPECT_EQ(distinct.code, 0) << distinct.err;
  EXPECT_EQ(distinct.err.find("training images too"), std::string::npos) << distinct.err;
  EXPECT_NE(distinct.err.find("upper and lower case are different classes: Owl and owl"),
            std::string::npos)
      << distinct.err;
  const RgbImage image = read_image(folder / "folder/train/Owl/1.jpg");
  write_png(folder / "folder/test/owl/3.png", image.pixels, image.height, image.width);
  const Outcome shared = data("verify image-folder --folder folder");
  EXPECT_EQ(shared.code, 0) << shared.err;
  EXPECT_NE(shared.out.find("1 of 3 test images are training images too (the same pixels; "
                            "test/owl/3.png is train/Owl/1.jpg)"),
            std::string::npos)
      << shared.out;
}

}  // namespace
}  // namespace lcr
