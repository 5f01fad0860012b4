// Components from outside the suite: the method, data set, protocol, backbone and pooling of the
// pages in docs/, in the program own_components.
#include <map>
#include <set>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/record/results_csv.h"
#include "tests/support/files.h"
#include "tests/support/images.h"
#include "tests/support/programs.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;
using testing::Outcome;

class Components : public testing::ProgramTest {
 protected:
  /// A NABirds of three classes with four training and three test images each, which in one class
  /// are the same picture.
  void write_nabirds() {
    const fs::path root = folder / "data/nabirds";
    // Groups have names too; numbers have gaps and do not begin at 1.
    std::string images, labels, split;
    const std::vector<std::pair<int, const char*>> classes = {
        {7, "4:2:0"}, {295, "grey"}, {1010, "cmyk"}};
    for (const auto& [id, picture] : classes) {
      const std::string place = fmt::format("{:04}", id);
      fs::create_directories(root / "images" / place);
      for (int i = 0; i < 7; ++i) {
        const std::string image = fmt::format("{:08x}-21dc-4d0c", 0x9e3779b9U * (7 * id + i));
        testing::write_bytes(root / "images" / place / (image + ".jpg"),
                             testing::image_file(picture));
        images += fmt::format("{} {}/{}.jpg\n", image, place, image);
        labels += fmt::format("{} {}\n", image, id);
        split += fmt::format("{} {}\n", image, i < 4 ? 1 : 0);
      }
    }
    write_atomic(root / "classes.txt",
                 "0 Birds\n1 Ducks, Geese\n7 Snow Goose\n295 Osprey (Adult)\n1010 Cactus Wren\n");
    write_atomic(root / "images.txt", images);
    write_atomic(root / "image_class_labels.txt", labels);
    write_atomic(root / "train_test_split.txt", split);
  }
  /// The identities of the runs in a store, by the method's name.
  std::map<std::string, std::string> identities(const std::string& runs) {
    std::map<std::string, std::string> texts;
    for (const auto& entry : fs::directory_iterator(folder / runs))
      if (fs::exists(entry.path() / "identity.txt"))
        texts[split(entry.path().filename().string(), '-').at(1)] =
            read_text(entry.path() / "identity.txt");
    return texts;
  }
  const std::string small =
      "own_components --pretrain none --batch-size 6 --embedding-dim 8 --head-hidden 8 "
      "--epochs 1 --seeds 0 --jobs 1 --threads 1 ";
  const std::string own = small + "--data-dir data --dataset nabirds --image-size 32 ";
};

TEST_F(Components, OfThePagesTrainAndAreEvaluated) {
  write_nabirds();
  for (const std::string arch : {"--arch narrow --width 4", "--arch vit_tiny --vit-depth 2"}) {
    SCOPED_TRACE(arch);
    const Outcome trained = run(own + arch + " --results r");
    ASSERT_EQ(trained.code, 0) << trained.err;
    std::map<std::string, std::set<std::string>> poolings;
    std::set<std::string> metrics;
    for (const auto& row : read_results(folder / "r/own.csv")) {
      const std::string metric = row[result_column("metric")];
      metrics.insert(metric);
      if (metric != "nmi") continue;
      poolings[row[result_column("row")]].insert(row[result_column("pooling")]);
      // The images of a class are one picture: each class is a cluster.
      EXPECT_NEAR(*parse_number(row[result_column("value")]), 100, 1e-9);
      EXPECT_EQ(row[result_column("dataset")], "nabirds");
    }
    EXPECT_EQ(
        poolings,
        (std::map<std::string, std::set<std::string>>{
            {"Barlow Twins", {"activation", "average", "gem", "random_gfb"}},
            {"LCR on Barlow Twins", {"activation", "attention", "average", "gem", "random_gfb"}}}));
    for (const char* metric : {"barlow_twins_loss", "kl_loss", "rank1"})
      EXPECT_TRUE(metrics.contains(metric)) << metric;
    const Outcome again = run(own + arch + " --results r");
    EXPECT_NE(again.err.find("0 to do"), std::string::npos) << again.err;
    fs::remove_all(folder / "runs");
  }
}

TEST_F(Components, OptionsOfThePagesAreOptionsOfTheProgram) {
  write_nabirds();
  const Outcome help = run("own_components --help");
  EXPECT_EQ(help.code, 0);
  for (const char* part :
       {"--barlow-lambda", "method = barlow_twins or barlow_twins_lcr", "--vit-depth",
        "arch = vit_tiny", "--kmeans-iterations", "protocols include nmi", "nabirds",
        "retrieval, knn, probe, localisation, projections, nmi"})
    EXPECT_NE(help.out.find(part), std::string::npos) << part;
  // A changed option is part of the identity, a default one is not.
  ASSERT_EQ(run(own + "--runs default --width 4").code, 0);
  const Outcome changed =
      run(own + "--runs changed --barlow-lambda 0.01 --arch vit_tiny --vit-depth 1");
  ASSERT_EQ(changed.code, 0) << changed.err;
  const auto before = identities("default"), after = identities("changed");
  ASSERT_EQ(before.size(), 2U);
  ASSERT_EQ(after.size(), 2U);
  for (const auto& [method, text] : after) {
    for (const char* line : {"barlow-lambda=0.01\n", "arch=vit_tiny\n", "vit-depth=1\n"}) {
      EXPECT_NE(text.find(line), std::string::npos) << method << line << text;
      EXPECT_EQ(before.at(method).find(line), std::string::npos) << method << line;
    }
    EXPECT_EQ(before.at(method).find("barlow-lambda"), std::string::npos) << method;
  }
}

TEST_F(Components, OfThePagesRefuseBadInput) {
  write_nabirds();
  const auto refused = [&](const std::string& arguments, const char* part) {
    expect_refused_at("none", own + arguments, part);
  };
  refused("--method barlow_twin", "the nearest is barlow_twins");
  refused("--arch vit_tny", "the nearest is vit_tiny");
  refused("--barlow-lambda -1", "barlow-lambda");
  refused("--virtual-gpus 2", "set ranks and virtual-gpus to 1");
  refused("--kmeans-iterations x", "kmeans-iterations");
  expect_refused_at("none", small + "--dataset nabird", "the nearest is nabirds");
  expect_refused_at("none", small + "--data-dir elsewhere --dataset nabirds",
                    "elsewhere/nabirds: no such directory");
  refused("--poolings gems", "the nearest is gem");
  refused("--vit-depth 2", "--vit-depth has no effect in own: it counts only when arch = vit_tiny");
  refused("--arch vit_tiny --width 4", "--width has no effect");
  expect_refused_at("none",
                    small + "--data-dir data --dataset nabirds --arch vit_tiny --image-size 12",
                    "arch = vit_tiny: image-size = 12 is smaller than a patch");
  const fs::path lists = folder / "data/nabirds";
  write_atomic(lists / "train_test_split.txt", "00000000-21dc-4d0c 1\n");
  refused("", "train_test_split.txt: id ");
  write_atomic(lists / "classes.txt", "7 Snow Goose\n");
  refused("", "classes.txt: id 295 is missing");
}

}  // namespace
}  // namespace lcr
