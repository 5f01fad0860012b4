// Lists of image data sets: official layouts, damaged lists, real images.
#include "lcr/data/listing.h"

#include <cstdlib>
#include <limits>
#include <map>
#include <stdexcept>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lcr/base/files.h"
#include "lcr/data/class_list.h"
#include "lcr/data/dataset_options.h"
#include "lcr/data/datasets.h"
#include "lcr/data/descriptor.h"
#include "lcr/data/image_folder.h"
#include "lcr/data/mat_file.h"
#include "lcr/image/image_file.h"
#include "lcr/image/png_file.h"
#include "tests/support/files.h"
#include "tests/support/images.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;
using testing::expect_user_error;
using testing::TemporaryFolder;
using testing::write_bytes;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  write_bytes(path, text);
}

void write_image(const fs::path& path, const std::string& name = "4:2:0") {
  fs::create_directories(path.parent_path());
  write_bytes(path, testing::image_file(name));
}

/// A suite home whose descriptor of the data set has other counts.
class Home {
 public:
  Home(const fs::path& folder, const std::string& name, int classes, int train, int test) {
    std::string text = read_text(fs::path(LCR_SOURCE_DIR) / "datasets" / (name + ".json"));
    auto json = nlohmann::json::parse(text);
    json["classes"] = classes;
    json["train"] = train;
    json["test"] = test;
    write(folder / "datasets" / (name + ".json"), json.dump());
    ::setenv("LCR_HOME", folder.c_str(), 1);
  }
  ~Home() { ::unsetenv("LCR_HOME"); }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
};

Options options_for(const std::string& dataset, const fs::path& data) {
  Options options;
  options.get<DatasetOptions>().dataset = dataset;
  options.get<DataFolderOptions>().data_dir = data;
  return options;
}

void write_cub(const fs::path& root) {
  write(root / "classes.txt", "1 001.A\n2 002.B\n");
  write(root / "images.txt", "1 001.A/a.jpg\r\n2 002.B/b.jpg\r\n3 002.B/c.jpg\r\n");
  write(root / "image_class_labels.txt", "1 1\n2 2\n3 2\n");
  write(root / "train_test_split.txt", "1 1\n2 0\n3 1\n");
  write(root / "bounding_boxes.txt",
        "1 2.6 2.0 13.0 10.0\n2 0.0 0.0 26.0 20.0\n3 20.0 10.0 30.0 5.0\n");
  write(root / "parts/parts.txt", "1 beak\n2 left wing\n");
  write(root / "parts/part_locs.txt",
        "1 1 13.0 5.0 1\n1 2 0.0 0.0 0\n2 1 1.0 1.0 1\n2 2 2.0 2.0 1\n3 1 1.0 1.0 1\n3 2 2.0 2.0 "
        "1\n");
  for (const char* name : {"001.A/a.jpg", "002.B/b.jpg", "002.B/c.jpg"})
    write_image(root / "images" / name);
}

TEST(Cub200, ReadsTheOfficialLayout) {
  const TemporaryFolder folder;
  write_cub(folder / "CUB_200_2011");
  const Home home(folder / "home", "cub200", 2, 2, 1);
  const Dataset data = load_dataset(options_for("cub200", folder.path()), 2);
  EXPECT_EQ(data.train.labels, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(data.test.labels, (std::vector<std::int32_t>{1}));
  EXPECT_EQ(data.train.image(0).width, 26);
  ASSERT_EQ(data.train.boxes.size(), 2U);
  EXPECT_FLOAT_EQ(data.train.boxes[0].left, 0.1F);
  EXPECT_FLOAT_EQ(data.train.boxes[0].bottom, 0.6F);
  EXPECT_FLOAT_EQ(data.train.boxes[1].right, 1.0F);  // reaches beyond the image: clipped
  ASSERT_EQ(data.train.parts.size(), 4U);
  EXPECT_FLOAT_EQ(data.train.parts[0].x, 0.5F);
  EXPECT_TRUE(data.train.parts[0].visible);
  EXPECT_FALSE(data.train.parts[1].visible);

  // Boxes of images that were resized later refer to the original size.
  write(folder / "CUB_200_2011/original_sizes.txt", "1 260 200\n2 26 20\n3 26 20\n");
  EXPECT_FLOAT_EQ(load_dataset(options_for("cub200", folder.path()), 1).train.boxes[0].left, 0.01F);

  // Half the size: the same fractions.
  Options small = options_for("cub200", folder.path());
  small.get<ImageFileOptions>().store_side = 10;
  const Dataset half = load_dataset(small, 1);
  EXPECT_EQ(half.train.image(0).height, 10);
  EXPECT_FLOAT_EQ(half.test.boxes[0].right, 1.0F);
}

TEST(Cub200, DifferencesFromTheDescriptorAreSaid) {
  const TemporaryFolder folder;
  write_cub(folder / "CUB_200_2011");
  expect_user_error([&] { load_dataset(options_for("cub200", folder.path()), 1); },
                    "2 classes instead of 200", "2 training images instead of 5994",
                    "1 test images instead of 5794");
}

TEST(Cub200, BadListsAreRefused) {
  const TemporaryFolder folder;
  const auto refuse = [&](const char* name, const std::string& text, const std::string& part,
                          const std::string& file = "") {
    write_cub(folder.path());
    write(folder / name, text);
    expect_user_error([&] { list_cub200(folder.path()); }, part, file);
  };
  write_cub(folder.path());
  EXPECT_NO_THROW(list_cub200(folder.path()));
  refuse("train_test_split.txt", "1 1\n", "names 3 images");
  refuse("train_test_split.txt", "1 1\n2 5\n3 0\n", "'5', not 0 or 1");
  refuse("train_test_split.txt", "1 1\n2 0\n4 0\n", "image 3");
  refuse("image_class_labels.txt", "1 0\n2 2\n3 1\n", "class '0'");
  refuse("image_class_labels.txt", "1 3\n2 2\n3 1\n", "class '3'");
  refuse("image_class_labels.txt", "1 1\n1 2\n", "line 2");
  refuse("images.txt", "1 ../a.jpg\n2 b.jpg\n3 c.jpg\n", "'../a.jpg'", "images.txt");
  refuse("images.txt", "1 /etc/passwd\n2 b.jpg\n3 c.jpg\n", "'/etc/passwd'");
  write_cub(folder.path());
  refuse("bounding_boxes.txt", "1 1 2 3\n", "3 numbers instead of 4");
  refuse("bounding_boxes.txt", "1 1 2 3 x\n", "'x' is not a number");
  refuse("bounding_boxes.txt", "1 1 2 3 nan\n", "'nan' is not a number");
  refuse("bounding_boxes.txt", "9 1 2 3 4\n", "image 9");
  write_cub(folder.path());
  refuse("original_sizes.txt", "1 0 10\n", "is not a size");
  fs::remove(folder / "original_sizes.txt");
  refuse("parts/part_locs.txt", "1 3 1 1 1\n", "part 3");
  refuse("parts/part_locs.txt", "7 1 1 1 1\n", "line 1");
  fs::remove(folder / "images.txt");
  expect_user_error([&] { list_cub200(folder.path()); }, "images.txt", "no such file");
}

TEST(Cub200, RealImages) {
  if (const auto why = testing::lacks_data("CUB_200_2011"); !why.empty()) GTEST_SKIP() << why;
  const TemporaryFolder folder;
  Options options = options_for("cub200", std::getenv("LCR_DATA"));
  options.get<DataFolderOptions>().pixel_store = folder.path();
  options.get<ImageFileOptions>().store_side = 64;
  const Dataset data = load_dataset(options, 2);
  EXPECT_EQ(data.train.count(), 5994);
  EXPECT_EQ(data.test.count(), 5794);
  std::map<std::int32_t, int> classes;
  for (const auto* set : {&data.train, &data.test})
    for (std::int64_t i = 0; i < set->count(); ++i) {
      const ImageView image = set->image(i);
      ASSERT_EQ(std::min(image.height, image.width), 64);
      ++classes[set->labels[static_cast<std::size_t>(i)]];
      const FractionBox& box = set->boxes[static_cast<std::size_t>(i)];
      ASSERT_LT(box.left, box.right);
      ASSERT_LT(box.top, box.bottom);
    }
  EXPECT_EQ(classes.size(), 200U);
  EXPECT_EQ(classes.begin()->first, 0);
  EXPECT_EQ(classes.rbegin()->first, 199);
  // Visible parts lie in or near their box: with sizes or records mixed up, 99 % of them would not.
  std::int64_t inside = 0, visible = 0;
  for (std::int64_t i = 0; i < data.train.count(); ++i)
    for (std::int64_t p = 0; p < 15; ++p) {
      const FractionPoint& part = data.train.parts[static_cast<std::size_t>(i * 15 + p)];
      const FractionBox& box = data.train.boxes[static_cast<std::size_t>(i)];
      visible += part.visible;
      inside += part.visible && part.x > box.left - 0.05 && part.x < box.right + 0.05 &&
                part.y > box.top - 0.05 && part.y < box.bottom + 0.05;
    }
  EXPECT_GT(visible, 60000);
  EXPECT_GT(static_cast<double>(inside) / static_cast<double>(visible), 0.99);
}

class StanfordCars : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(root / "devkit");
    for (const char* name : {"cars_meta.mat", "cars_train_annos.mat"})
      fs::copy(golden / name, root / "devkit" / name);
    fs::copy(golden / "cars_test_annos_withlabels.mat", root / "cars_test_annos_withlabels.mat");
    for (const char* split : {"cars_train", "cars_test"})
      for (const char* name : {"00001.jpg", "00002.jpg"}) write_image(root / split / name);
  }
  TemporaryFolder folder;
  const fs::path golden = fs::path(LCR_SOURCE_DIR) / "tests/golden/cars";
  const fs::path root = folder / "stanford_cars";
};

TEST_F(StanfordCars, ReadsTheDevkit) {
  const Listing listing = list_stanford_cars(root);
  EXPECT_EQ(listing.class_names,
            (std::vector<std::string>{"AM General Hummer SUV 2000", "Acura RL Sedan 2012",
                                      "Audi S4 Sedan 2012"}));
  ASSERT_EQ(listing.train.size(), 2U);
  EXPECT_EQ(listing.train[1].label, 2);
  EXPECT_EQ(listing.train[1].path, "cars_train/00002.jpg");
  EXPECT_EQ(listing.train[0].box->x, 1);
  EXPECT_EQ(listing.train[0].box->width, 19);
  ASSERT_EQ(listing.test.size(), 2U);
  EXPECT_EQ(listing.test[0].label, 1);
  const Home home(folder / "home", "stanford-cars", 3, 2, 2);
  const Dataset data = load_dataset(options_for("stanford-cars", folder.path()), 1);
  EXPECT_EQ(data.test.labels, (std::vector<std::int32_t>{1, 0}));
  EXPECT_FLOAT_EQ(data.test.boxes[1].bottom, 1);  // row 300 in the list, 20 rows in the image
  // The labels may lie in the devkit as well.
  fs::rename(root / "cars_test_annos_withlabels.mat",
             root / "devkit/cars_test_annos_withlabels.mat");
  EXPECT_EQ(list_stanford_cars(root).test.size(), 2U);
}

TEST_F(StanfordCars, ReadsNumbersOfEveryClass) {
  const auto expect = [&](const std::string& name, const std::vector<double>& numbers) {
    const auto variables = read_mat(golden / "numbers.mat");
    ASSERT_TRUE(variables.contains(name)) << name;
    EXPECT_EQ(variables.at(name).numbers, numbers) << name;
  };
  expect("int8", {-128, 7, 127});
  expect("uint8", {0, 7, 255});
  expect("int16", {-32768, 7, 32767});
  expect("uint16", {0, 7, 65535});
  expect("int32", {-2147483648., 7, 2147483647.});
  expect("uint32", {0, 7, 4294967295.});
  expect("int64", {-0x1p63, 7, 0x1p63});
  expect("uint64", {0, 7, 0x1p64});
  expect("float32", {-0.5, 7, std::numeric_limits<float>::max()});
  expect("float64", {-0.5, 7, std::numeric_limits<double>::max()});
  // The same annotations in other classes.
  const Listing listing = list_stanford_cars(root);
  for (const char* name : {"int64.mat", "single.mat"}) {
    fs::copy_file(golden / name, root / "cars_test_annos_withlabels.mat",
                  fs::copy_options::overwrite_existing);
    const auto test = list_stanford_cars(root).test;
    ASSERT_EQ(test.size(), 2U) << name;
    for (const std::size_t i : {0, 1}) {
      EXPECT_EQ(test[i].label, listing.test[i].label) << name;
      EXPECT_EQ(test[i].box->x, listing.test[i].box->x) << name;
      EXPECT_EQ(test[i].box->height, listing.test[i].box->height) << name;
    }
  }
}

TEST_F(StanfordCars, ReadsTheAuthorsFolders) {
  for (const char* split : {"train", "test"})
    for (const char* name : {"a", "b"}) write_image(folder / "folders" / split / name / "1.jpg");
  const Listing listing = list_stanford_cars(folder / "folders");
  EXPECT_EQ(listing.name, "stanford-cars");
  EXPECT_EQ(listing.train.size(), 2U);
}

TEST_F(StanfordCars, BadAnnotationsAreRefused) {
  const auto refuse = [&](const fs::path& bad, const std::string& part) {
    fs::copy_file(bad, root / "cars_test_annos_withlabels.mat",
                  fs::copy_options::overwrite_existing);
    expect_user_error([&] { list_stanford_cars(root); }, "cars_test_annos_withlabels.mat", part);
  };
  refuse(golden / "bad_class.mat", "class 9");
  refuse(golden / "bad_label.mat", "class 1.5");
  refuse(golden / "bad_name.mat", "'../../etc/passwd'");
  refuse(golden / "cars_test_annos.mat", "withlabels");
  refuse(golden / "cars_meta.mat", "'annotations'");
  write(folder / "text", "no MATLAB file at all");
  refuse(folder / "text", "version 5");
  const auto whole = read_file(golden / "cars_test_annos_withlabels.mat", 1 << 20);
  for (std::size_t keep = 0; keep + 8 < whole.size(); ++keep) {  // the last bytes are padding
    write_bytes(root / "cars_test_annos_withlabels.mat",
                std::vector<std::uint8_t>(whole.begin(),
                                          whole.begin() + static_cast<std::ptrdiff_t>(keep)));
    EXPECT_THROW(list_stanford_cars(root), UserError) << keep;
  }
  fs::remove(root / "cars_test_annos_withlabels.mat");
  expect_user_error([&] { list_stanford_cars(root); }, "cars_test_annos_withlabels.mat",
                    "no such file");
}

void write_aircraft(const fs::path& root) {
  write(root / "data/variants.txt", "707-320\nDR-400\nA340-300 x\n");
  write(root / "data/images_variant_trainval.txt", "0000001 A340-300 x\n0000002 707-320\n");
  write(root / "data/images_variant_test.txt", "0000003 DR-400\n");
  write(root / "data/images_box.txt", "0000001 1 1 26 10\n0000002 2 2 3 3\n0000003 1 1 26 20\n");
  for (const char* name : {"0000001", "0000002", "0000003"})
    write_image(root / "data/images" / (std::string(name) + ".jpg"));
}

TEST(FgvcAircraft, ReadsTheOfficialLayoutAndCutsTheBanner) {
  const TemporaryFolder folder;
  write_aircraft(folder / "fgvc-aircraft-2013b");
  const Listing listing = list_fgvc_aircraft(folder / "fgvc-aircraft-2013b");
  EXPECT_EQ(listing.cut_bottom, 20);
  ASSERT_EQ(listing.train.size(), 2U);
  EXPECT_EQ(listing.train[0].label, 2);  // a variant with a blank
  EXPECT_EQ(listing.train[0].path, "data/images/0000001.jpg");
  EXPECT_EQ(listing.test[0].label, 1);
  EXPECT_EQ(listing.train[1].box->x, 1);
  EXPECT_EQ(listing.train[1].box->width, 2);
  const Home home(folder / "home", "fgvc-aircraft", 3, 2, 1);
  // Images of 20 rows are all banner.
  expect_user_error([&] { load_dataset(options_for("fgvc-aircraft", folder.path()), 1); },
                    "20 are to be cut off");
  // 30 rows, of which 10 remain (PNG files named .jpg: the content counts).
  std::vector<std::uint8_t> pixels(30 * 26 * 3, 7);
  std::fill(pixels.begin() + 10 * 26 * 3, pixels.end(), std::uint8_t{200});
  for (const char* name : {"0000001", "0000002", "0000003"})
    write_png(folder / "fgvc-aircraft-2013b/data/images" / (std::string(name) + ".jpg"), pixels, 30,
              26);
  const Dataset data = load_dataset(options_for("fgvc-aircraft", folder.path()), 1);
  EXPECT_EQ(data.train.image(0).height, 10);
  for (const auto value : data.train.image(0).pixels) ASSERT_EQ(value, 7);
  EXPECT_FLOAT_EQ(data.train.boxes[0].bottom, 1);  // 10 rows of 10
  EXPECT_FLOAT_EQ(data.train.boxes[1].bottom, 0.3F);
}

TEST(FgvcAircraft, ReadsListsWithByteOrderMarks) {
  const TemporaryFolder folder;
  write_aircraft(folder.path());
  const Listing plain = list_fgvc_aircraft(folder.path());
  for (const char* name :
       {"variants.txt", "images_variant_trainval.txt", "images_variant_test.txt", "images_box.txt"})
    write(folder / "data" / name, "\xEF\xBB\xBF" + read_text(folder / "data" / name));
  const Listing marked = list_fgvc_aircraft(folder.path());
  EXPECT_EQ(marked.class_names, plain.class_names);
  ASSERT_EQ(marked.train.size(), 2U);
  EXPECT_EQ(marked.train[0].path, plain.train[0].path);
  EXPECT_EQ(marked.train[0].box->width, 26) << "the first line of the boxes";
}

TEST(FgvcAircraft, BadListsAreRefused) {
  const TemporaryFolder folder;
  const auto refuse = [&](const char* name, const std::string& text, const std::string& part) {
    write_aircraft(folder.path());
    write(folder / "data" / name, text);
    expect_user_error([&] { list_fgvc_aircraft(folder.path()); }, name, part);
  };
  refuse("images_variant_test.txt", "0000003 Boeing\n", "Boeing");
  refuse("images_variant_test.txt", "0000003\n", "0000003");
  refuse("images_variant_trainval.txt", "../../x DR-400\n", "'../../x'");
  refuse("variants.txt", "DR-400\nDR-400\n", "twice");
  refuse("images_box.txt", "0000001 5 5 1 1\n", "xmin");
  refuse("images_box.txt", "0000001 1 1 nan 5\n", "xmin");
  fs::remove(folder / "data/variants.txt");
  expect_user_error([&] { list_fgvc_aircraft(folder.path()); }, "variants.txt");
}

TEST(ImageFolder, ReadsClassesInOrder) {
  const TemporaryFolder folder;
  for (const char* path :
       {"train/b/2.jpg", "train/b/1.JPG", "train/a/x.jpeg", "test/a/x.png", "test/b/x.jpg"})
    write_image(folder / path, fs::path(path).extension() == ".png" ? "png" : "4:2:0");
  write(folder / "train/b/notes.txt", "not an image");
  Options options = options_for("image-folder", folder.path());
  expect_user_error([&] { load_dataset(options, 1); }, "--folder");
  options.get<ImageFolderOptions>().folder = folder.path();
  const Dataset data = load_dataset(options, 2);
  EXPECT_EQ(data.train.labels, (std::vector<std::int32_t>{0, 1, 1}));
  EXPECT_EQ(data.test.count(), 2);
  EXPECT_EQ(list_image_folder(folder.path()).train[1].path, "train/b/1.JPG");
  // Fewer images through limits; the store stays.
  options.get<DatasetOptions>().limit_train = 2;
  EXPECT_EQ(load_dataset(options, 1).train.labels, (std::vector<std::int32_t>{0, 1}));
}

TEST(Classes, AreNamedByStrideOrList) {
  using Numbers = std::vector<std::int64_t>;
  EXPECT_EQ(wanted_classes("all", 3), (Numbers{0, 1, 2}));
  EXPECT_EQ(wanted_classes("every-5", 12), (Numbers{0, 5, 10}));
  EXPECT_EQ(wanted_classes("every-1", 2), (Numbers{0, 1}));
  const TemporaryFolder folder;
  const fs::path list = folder / "list.txt";
  write(list, "# birds\n\n 4\r\n0 # the first\n2");
  EXPECT_EQ(wanted_classes(list, 5), (Numbers{0, 2, 4}));
  write_bytes(list, "\xEF\xBB\xBF" + read_text(list));
  EXPECT_EQ(wanted_classes(list, 5), (Numbers{0, 2, 4})) << "with a byte order mark";
  expect_user_error([&] { wanted_classes(list, 4); }, "list.txt:3", "'4'", "0 to 3");
  write(list, "1\n1\n");
  expect_user_error([&] { wanted_classes(list, 4); }, "list.txt:2", "twice");
  write(list, "1\n");
  expect_user_error([&] { wanted_classes(list, 4); }, "leaves 1 of 4");
  expect_user_error([&] { wanted_classes("every-9", 4); }, "leaves 1 of 4");
  for (const char* bad : {"every-0", "every--1", "every-", "every-x"})
    expect_user_error([&] { wanted_classes(bad, 4); }, bad, "whole number");
  expect_user_error([&] { wanted_classes("some", 4); }, "'all'", "every-N", "file");
}

TEST(Classes, LeaveTheirImagesRenumbered) {
  const TemporaryFolder folder;
  for (const char* path : {"train/a/1.jpg", "train/b/1.jpg", "train/b/2.jpg", "train/c/1.jpg",
                           "test/a/1.jpg", "test/b/1.jpg", "test/c/1.jpg"})
    write_image(folder / path);
  Options options = options_for("image-folder", folder.path());
  options.get<ImageFolderOptions>().folder = folder.path();
  const std::string all = fingerprint(load_dataset(options, 1).train);
  options.get<DatasetOptions>().classes = "every-2";
  const Dataset data = load_dataset(options, 1);
  EXPECT_EQ(data.train.labels, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(data.test.labels, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(data.train.class_count, 2);
  EXPECT_NE(data.title.find("(2 of 3 classes)"), std::string::npos) << data.title;
  EXPECT_NE(fingerprint(data.train), all);
}

TEST(ImageFolder, IncompleteFoldersAreRefused) {
  const TemporaryFolder folder;
  const auto refuse = [&](const auto&... parts) {
    expect_user_error([&] { list_image_folder(folder.path()); }, parts...);
  };
  refuse("train", "CLASS");
  fs::create_directories(folder / "train");
  refuse("test");
  fs::create_directories(folder / "test");
  refuse("no class folders", "CLASS");
  write_image(folder / "train/1.jpg");
  refuse("no class folders", "1 in no class folder (train/1.jpg)");
  // A class in one split alone: the message names the folder that the other side lacks.
  for (const char* name : {"a", "b", "d"}) write_image(folder / "train" / name / "1.jpg");
  for (const char* name : {"a", "b", "c"}) write_image(folder / "test" / name / "1.jpg");
  refuse("train/ has 3 classes and test/ 3", "differ; missing: test/d, train/c");
  fs::remove_all(folder / "test/c");
  refuse("train/ has 3 classes and test/ 2", "differ; missing: test/d");
  fs::create_directory_symlink("nowhere", folder / "test/d");
  refuse("missing: test/d (broken link)");
  fs::remove(folder / "test/d");
  write_image(folder / "test/D/1.jpg");
  refuse("missing: test/d, train/D");
  fs::rename(folder / "test/D", folder / "test/d");
  EXPECT_NO_THROW(list_image_folder(folder.path()));
  for (int i = 0; i < 10; ++i) write_image(folder / fmt::format("test/e{}/1.jpg", i));
  refuse("missing: train/e0, train/e1", "train/e7 and 2 more");
}

TEST(ImageFolder, ClassesWithoutImagesAreRefused) {
  const TemporaryFolder folder;
  for (const char* split : {"train", "test"})
    for (const char* name : {"a", "b"}) write_image(folder / split / name / "1.jpg");
  const auto refuse = [&](const auto&... parts) {
    expect_user_error([&] { list_image_folder(folder.path()); }, parts...);
  };
  fs::remove(folder / "test/b/1.jpg");
  refuse("no image", "in test/b");
  for (const char* name : {"test/b/1.webp", "test/b/2.WEBP", "test/b/deep/3.bmp", "test/a/4.gif"})
    write(folder / name, "of another format");
  refuse("in test/b; passed over there: 2 .webp (test/b/1.webp), 1 .bmp (test/b/deep/3.bmp)");
  write_image(folder / "test/b/.hidden/1.jpg");
  write_image(folder / "test/b/._1.jpg");
  refuse("in test/b", "2 hidden (test/b/._1.jpg)");
  write_image(folder / "test/b/deep/1.jpg");
  EXPECT_NO_THROW(list_image_folder(folder.path()));
  fs::remove_all(folder / "train/a/1.jpg");
  refuse("in train/a");
}

/// The paths of the images of a split.
std::vector<std::string> paths_of(const std::vector<ListedImage>& images) {
  std::vector<std::string> paths;
  for (const auto& image : images) paths.push_back(image.path);
  return paths;
}

TEST(ImageFolder, HiddenNamesAreNeitherClassesNorImages) {
  const TemporaryFolder folder;
  for (const char* split : {"train", "test"}) {
    for (const char* name : {"a/1.jpg", "b/1.jpg", "b/._1.jpg", "b/.jpg", "b/__MACOSX/1.jpg"})
      write_image(folder / split / name);
    write_image(folder / split / ".cache/1.jpg");  // in both splits: still no class
  }
  write_image(folder / "train/.ipynb_checkpoints/1.jpg");  // in one split: no difference
  write_image(folder / "train/__MACOSX/a/._1.jpg");
  write(folder / "train/.DS_Store", "x");
  const Listing listing = list_image_folder(folder.path());
  EXPECT_EQ(listing.class_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(paths_of(listing.train), (std::vector<std::string>{"train/a/1.jpg", "train/b/1.jpg"}));
  EXPECT_EQ(paths_of(listing.test), (std::vector<std::string>{"test/a/1.jpg", "test/b/1.jpg"}));
  EXPECT_EQ(describe(listing.train_passed), "7 hidden (train/.DS_Store)");
  EXPECT_EQ(describe(listing.test_passed), "4 hidden (test/.cache)");
}

TEST(ImageFolder, DeeperLevelsAndLinksAreReadInTorchvisionsOrder) {
  const TemporaryFolder folder;
  write_image(folder / "elsewhere/album/5.jpg");
  write_image(folder / "elsewhere/6.png", "png");
  for (const char* split : {"train", "test"}) write_image(folder / split / "z/1.jpg");
  for (const char* name : {"a/1.jpg", "a/x/2.jpg", "a/x/B.JPEG", "a/x-y/0.jpg", "a/x/deep/3.jpg",
                           "a/folder.jpg/4.jpg"})
    write_image(folder / "train" / name);
  fs::create_directory_symlink(folder / "elsewhere/album", folder / "train/a/linked");
  fs::create_symlink("../../elsewhere/6.png", folder / "train/a/6.png");
  fs::create_directory_symlink("../elsewhere", folder / "test/a");  // a class that is a link
  const Listing listing = list_image_folder(folder.path());
  // As sorted(os.walk(folder, followlinks=True)) orders folders: by the text of their paths.
  EXPECT_EQ(
      paths_of(listing.train),
      (std::vector<std::string>{"train/a/1.jpg", "train/a/6.png", "train/a/folder.jpg/4.jpg",
                                "train/a/linked/5.jpg", "train/a/x/2.jpg", "train/a/x/B.JPEG",
                                "train/a/x-y/0.jpg", "train/a/x/deep/3.jpg", "train/z/1.jpg"}));
  EXPECT_EQ(listing.train[7].label, 0);
  EXPECT_EQ(listing.train[8].label, 1);
  EXPECT_EQ(paths_of(listing.test),
            (std::vector<std::string>{"test/a/6.png", "test/a/album/5.jpg", "test/z/1.jpg"}));
  EXPECT_EQ(describe_passed(listing), "");
}

TEST(ImageFolder, LinksThatLeadBackEnd) {
  const TemporaryFolder folder;
  for (const char* name : {"train/a/x/1.jpg", "train/b/1.jpg", "test/a/1.jpg", "test/b/1.jpg"})
    write_image(folder / name);
  const auto link = [&](const fs::path& target, const char* name) {
    fs::create_directory_symlink(target, folder / name);
  };
  link(".", "train/a/self");
  link("..", "train/a/x/class");
  link("../..", "train/a/split");
  link("/", "train/a/x/everything");
  link("../a", "train/b/other");  // b shows a's images too, as torchvision's
  link("../../b", "train/a/x/back");
  link(".", "train/all");
  const Listing listing = list_image_folder(folder.path());
  EXPECT_EQ(listing.class_names, (std::vector<std::string>{"a", "b"}));
  // From a one gets into b (by back), from b into a (by other): each once.
  EXPECT_EQ(paths_of(listing.train),
            (std::vector<std::string>{"train/a/x/1.jpg", "train/a/x/back/1.jpg", "train/b/1.jpg",
                                      "train/b/other/x/1.jpg"}));
  for (const auto& passed : listing.train_passed)
    EXPECT_EQ(passed.reason, "link to a folder above it") << passed.path;
  EXPECT_EQ(listing.train_passed.size(), 11U) << describe(listing.train_passed);
}

TEST(ImageFolder, WhatIsNotReadIsCountedByKind) {
  const TemporaryFolder folder;
  for (const char* name : {"train/a/1.jpg", "train/b/1.jpg", "test/a/1.jpg", "test/b/1.jpg"})
    write_image(folder / name);
  EXPECT_EQ(describe_passed(list_image_folder(folder.path())), "");
  for (const char* name : {"a/1.webp", "a/2.WebP", "b/deep/3.webp", "a/1.bmp", "a/1.tiff",
                           "a/1.gif", "a/list", "b/1.jpg.part"})
    write(folder / "train" / name, "x");
  fs::create_symlink("nowhere.jpg", folder / "train/a/0.jpg");
  fs::create_symlink("round.jpg", folder / "train/a/round.jpg");
  ASSERT_EQ(::mkfifo((folder / "train/a/pipe.jpg").c_str(), 0600), 0);
  write_image(folder / "test/stray.jpg");
  write(folder / "outside.webp", "x");  // in neither split
  const Listing listing = list_image_folder(folder.path());
  EXPECT_EQ(listing.train.size(), 2U);
  EXPECT_EQ(listing.train_passed.size(), 11U);
  EXPECT_EQ(describe(listing.train_passed),
            "3 .webp (train/a/1.webp), 2 broken link (train/a/0.jpg), 1 .bmp (train/a/1.bmp), "
            "1 .gif (train/a/1.gif), 1 .part (train/b/1.jpg.part), 1 .tiff (train/a/1.tiff), "
            "1 neither file nor folder (train/a/pipe.jpg), 1 without extension (train/a/list)");
  EXPECT_EQ(describe(listing.test_passed), "1 in no class folder (test/stray.jpg)");
  const std::string line = describe_passed(listing);
  EXPECT_NE(line.find("in train/: 3 .webp"), std::string::npos) << line;
  EXPECT_NE(line.find("in test/: 1 in no class folder"), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos) << line;
}

/// While it lives, a test of root's has the rights of an ordinary user: root may read everything.
class OrdinaryUser {
 public:
  OrdinaryUser() : was_root_(::geteuid() == 0) {
    if (was_root_ && ::seteuid(65534) != 0)
      throw std::runtime_error("cannot give up root's rights");
  }
  ~OrdinaryUser() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;

 private:
  bool was_root_;
};

TEST(ImageFolder, UnreadableFoldersAndFilesAreNotSilent) {
  const auto image = testing::image_file("4:2:0");  // the sources may be root's alone
  const OrdinaryUser user;                          // before the folder, which is then this user's
  const TemporaryFolder folder;
  for (const char* name : {"train/a/1.jpg", "train/a/x/2.jpg", "test/a/1.jpg"}) {
    fs::create_directories((folder / name).parent_path());
    write_bytes(folder / name, image);
  }
  Options options = options_for("image-folder", folder.path());
  options.get<ImageFolderOptions>().folder = folder.path();
  fs::permissions(folder / "train/a/1.jpg", fs::perms::none);
  expect_user_error([&] { load_dataset(options, 1); }, "train/a/1.jpg");
  fs::permissions(folder / "train/a/1.jpg", fs::perms::owner_all);
  fs::permissions(folder / "train/a/x", fs::perms::owner_read);  // listed, but not entered
  EXPECT_EQ(describe(list_image_folder(folder.path()).train_passed),
            "1 unreadable (train/a/x/2.jpg)");
  fs::permissions(folder / "train/a/x", fs::perms::none);
  expect_user_error([&] { list_image_folder(folder.path()); }, "train/a/x", "cannot be listed");
  fs::permissions(folder / "train/a/x", fs::perms::owner_all);
}

TEST(ImageFolder, ClassNamesThatDifferOnlyInCaseAreSaid) {
  Listing listing{.title = "birds", .class_names = {"Gull", "OWL", "Owl", "gulls", "owl"}};
  const std::string line = describe_similar_names(listing);
  EXPECT_NE(line.find("upper and lower case"), std::string::npos) << line;
  EXPECT_NE(line.find("OWL and Owl, OWL and owl"), std::string::npos) << line;
  EXPECT_EQ(line.find("ull"), std::string::npos) << line;
  listing.class_names = {"gull", "owl"};
  EXPECT_EQ(describe_similar_names(listing), "");
}

TEST(Listings, ImagesOfBothSplitsAreCounted) {
  Listing listing{.title = "birds"};
  for (const char* path : {"train/a/1.jpg", "train/a/2.jpg", "train/b/3.jpg"})
    listing.train.push_back({.path = path});
  for (const char* path : {"test/a/4.jpg", "test/a/5.jpg", "test/b/6.jpg"})
    listing.test.push_back({.path = path});
  EXPECT_EQ(describe_shared_images(listing, {"p", "p", "q", "r", "s", "s"}), "");  // within one
  EXPECT_EQ(describe_shared_images(listing, {"", "p", "q", "", "", "r"}), "");     // undecodable
  const std::string line = describe_shared_images(listing, {"p", "q", "r", "s", "r", "r"});
  EXPECT_NE(line.find("birds: warning: 2 of 3 test images"), std::string::npos) << line;
  EXPECT_NE(line.find("test/a/5.jpg is train/b/3.jpg"), std::string::npos) << line;
}

TEST(Listings, ClassesThatLoseAllImagesAreNamed) {
  const TemporaryFolder folder;
  for (const char* split : {"train", "test"})
    for (const char* name : {"gull/1.jpg", "gull/2.jpg", "owl/1.jpg", "owl/2.jpg"})
      write_image(folder / split / name);
  Options options = options_for("image-folder", folder.path());
  options.get<ImageFolderOptions>().folder = folder.path();
  options.get<DataFolderOptions>().skip_bad = 9;
  write(folder / "test/owl/1.jpg", "damaged");
  EXPECT_EQ(load_dataset(options, 1).test.labels, (std::vector<std::int32_t>{0, 0, 1}));
  write(folder / "test/owl/2.jpg", "damaged");
  expect_user_error([&] { load_dataset(options, 1); }, "none of the images", "owl (test)");
  for (const char* name : {"train/gull/1.jpg", "train/gull/2.jpg"}) write(folder / name, "damaged");
  expect_user_error([&] { load_dataset(options, 1); }, "gull (train), owl (test)");
  // A class that a list gives no image in a split has lost none there.
  const Listing listing{.class_names = {"gull", "owl"},
                        .train = {{.path = "1", .label = 0}},
                        .test = {{.path = "2", .label = 1}}};
  EXPECT_EQ(describe_lost_classes(listing, {"p", "q"}), "");
  EXPECT_EQ(describe_lost_classes(listing, {"", "q"}), "gull (train)");
}

TEST(Descriptors, AllAreWellFormed) {
  const fs::path home = fs::path(LCR_SOURCE_DIR) / "datasets";
  const auto names = descriptor_names(home);
  EXPECT_EQ(names.size(), 7U);
  for (const auto& name : names) {
    const DatasetDescriptor d = read_descriptor(home / (name + ".json"));
    EXPECT_EQ(d.name, name);
    EXPECT_FALSE(d.licence.empty() || d.citation.empty() || d.homepage.empty() || d.files.empty())
        << name;
    for (const auto& file : d.files) {
      EXPECT_TRUE(file.md5.empty() || file.md5.size() == 32) << name;
      EXPECT_TRUE(file.sha256.empty() || file.sha256.size() == 64) << name;
      EXPECT_TRUE(file.content_sha256.empty() || file.content_sha256.size() == 64) << name;
    }
  }
}

TEST(Descriptors, MalformedOnesAreRefused) {
  const TemporaryFolder folder;
  const std::string good = read_text(fs::path(LCR_SOURCE_DIR) / "datasets/cifar100.json");
  const auto refuse = [&](const std::function<void(nlohmann::json&)>& change,
                          const std::string& part) {
    auto json = nlohmann::json::parse(good);
    change(json);
    write(folder / "x.json", json.dump());
    expect_user_error([&] { read_descriptor(folder / "x.json"); }, "x.json", part);
  };
  refuse([](auto& json) { json.erase("licence"); }, "licence");
  refuse([](auto& json) { json["train"] = "many"; }, "number");
  refuse([](auto& json) { json["train"] = 1e84; }, "number");
  refuse([](auto& json) { json["files"][0]["bytes"] = -1; }, "number");
  refuse([](auto& json) { json["kind"] = "sounds"; }, "sounds");
  refuse([](auto& json) { json["files"][0].erase("md5"); }, "checksum");
  refuse([](auto& json) { json["files"][0]["name"] = "../x"; }, "'../x'");
  write(folder / "x.json", good.substr(0, 100));
  expect_user_error([&] { read_descriptor(folder / "x.json"); }, "malformed");
}

}  // namespace
}  // namespace lcr
