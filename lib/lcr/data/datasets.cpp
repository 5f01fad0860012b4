#include "lcr/data/datasets.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/text.h"
#include "lcr/data/cifar.h"
#include "lcr/data/class_list.h"
#include "lcr/data/descriptor.h"
#include "lcr/data/fetch.h"
#include "lcr/data/idx.h"
#include "lcr/data/pixel_store.h"
#include "lcr/data/synth_birds.h"

namespace lcr {
namespace fs = std::filesystem;

fs::path data_directory(const Options& options) {
  if (!options.data_dir.empty()) return options.data_dir;
  const char* data = std::getenv("LCR_DATA");
  return data && *data ? fs::path(data) : fs::path("data");
}

namespace {

DatasetDescriptor descriptor_of(const std::string& dataset) {
  return read_descriptor(suite_home() / "datasets" / (dataset + ".json"));
}

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

Dataset load_fashion_mnist(const DatasetDescriptor& descriptor, const Options& options) {
  const fs::path own = data_directory(options) / descriptor.directory;
  // torchvision keeps its copy in FashionMNIST/raw/ of the folder that it was given.
  std::vector<fs::path> places = {own, own / "FashionMNIST/raw",
                                  data_directory(options) / "FashionMNIST/raw"};
  // A folder given by --data-dir is the only place: a silent fallback would hide a wrong path.
  if (options.data_dir.empty())
    for (const auto& place : places_without_data_directory("fashion-mnist"))
      places.push_back(place);
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
  return {
      .name = "fashion-mnist",
      .title = descriptor.title,
      .train = read_idx(get("train-images-idx3-ubyte"), get("train-labels-idx1-ubyte"), classes),
      .test = read_idx(get("t10k-images-idx3-ubyte"), get("t10k-labels-idx1-ubyte"), classes)};
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

Dataset load_cifar(const DatasetDescriptor& descriptor, const Options& options) {
  const fs::path root = need_directory(options, descriptor);
  if (options.dataset == "cifar100")
    return {.name = "cifar100",
            .title = descriptor.title,
            .train = read_cifar({root / "train.bin"}, CifarForm::kCifar100),
            .test = read_cifar({root / "test.bin"}, CifarForm::kCifar100)};
  std::vector<fs::path> train;
  for (int batch = 1; batch <= 5; ++batch)
    train.push_back(root / fmt::format("data_batch_{}.bin", batch));
  return {.name = "cifar10",
          .title = descriptor.title,
          .train = read_cifar(train, CifarForm::kCifar10),
          .test = read_cifar({root / "test_batch.bin"}, CifarForm::kCifar10)};
}

/// A list's box in fractions of the image, clipped to it.
FractionBox fraction_box(const ListedBox& box, double width, double height) {
  const auto clip = [](double value) { return static_cast<float>(std::clamp(value, 0.0, 1.0)); };
  return {clip(box.x / width), clip(box.y / height), clip((box.x + box.width) / width),
          clip((box.y + box.height) / height)};
}

/// The images of one split, which start at index `first` of the store.
ImageSet make_set(const Listing& listing, const std::vector<ListedImage>& images,
                  const PixelStore& store, std::size_t first) {
  ImageSet set;
  set.class_count = listing.class_count();
  set.store = store.file;
  const bool boxes = std::all_of(images.begin(), images.end(),
                                 [](const ListedImage& image) { return image.box.has_value(); });
  const bool parts = !listing.part_names.empty() &&
                     std::all_of(images.begin(), images.end(), [&](const ListedImage& image) {
                       return image.parts.size() == listing.part_names.size();
                     });
  for (std::size_t i = 0; i < images.size(); ++i) {
    const StoredImage& stored = store.images[first + i];
    if (stored.height == 0) continue;  // left out
    const ListedImage& image = images[i];
    set.labels.push_back(image.label);
    set.places.push_back({stored.height, stored.width, stored.offset});
    set.digests.push_back(stored.sha256);
    // Boxes and parts refer to the original image, of which the file may be a resized copy.
    const auto width = static_cast<double>(image.width > 0 ? image.width : stored.source_width);
    const auto height = static_cast<double>(image.height > 0 ? image.height : stored.source_height);
    if (boxes) set.boxes.push_back(fraction_box(*image.box, width, height));
    if (parts)
      for (const auto& part : image.parts)
        set.parts.push_back({static_cast<float>(std::clamp(part.x / width, 0.0, 1.0)),
                             static_cast<float>(std::clamp(part.y / height, 0.0, 1.0)),
                             part.visible});
  }
  return set;
}

Dataset load_image_files(const Options& options, int threads) {
  const Listing listing = list_dataset(options);
  std::vector<std::string> paths;
  for (const auto* split : {&listing.train, &listing.test})
    for (const auto& image : *split) paths.push_back(image.path);
  const PixelStoreOptions store_options{.file = pixel_store_file(listing, options),
                                        .root = listing.root,
                                        .short_side = options.store_side,
                                        .cut_bottom = listing.cut_bottom,
                                        .skip_bad = options.skip_bad,
                                        .threads = threads};
  // A worker need not verify: the process that started it has just checked every image.
  const bool verify = options.worker_run.empty();
  const PixelStore store = open_pixel_store(paths, store_options, verify);
  std::vector<std::string> digests;
  for (const auto& image : store.images) digests.push_back(image.sha256);
  if (verify) {
    if (!store.skipped.empty()) {
      say("{}: {} image files are left out (--skip-bad):\n", listing.title, store.skipped.size());
      for (const auto& reason : store.skipped) say("  {}\n", reason);
    }
    for (const auto& remark : {describe_passed(listing), describe_similar_names(listing),
                               describe_shared_images(listing, digests)})
      if (!remark.empty()) say("{}\n", remark);
  }
  if (const auto lost = describe_lost_classes(listing, digests); !lost.empty())
    fail("{}: none of the images of a class can be decoded: {}; mend them or remove the class",
         listing.root.string(), lost);
  return {.name = options.dataset,
          .title = listing.title,
          .train = make_set(listing, listing.train, store, 0),
          .test = make_set(listing, listing.test, store, listing.train.size())};
}

Dataset load_all(const Options& options, int threads) {
  if (has_image_files(options)) return load_image_files(options, threads);
  if (options.dataset == "synthbirds")
    return make_synth_birds({.classes = options.synthbirds_classes,
                             .train_per_class = options.synthbirds_train,
                             .test_per_class = options.synthbirds_test,
                             .size = options.image_size,
                             .first_class = 0,
                             .threads = threads});
  if (options.dataset == "synthbirds-standin")
    return make_synth_birds_standin(options.image_size, options.synthbirds_train, threads);
  const DatasetDescriptor descriptor = descriptor_of(options.dataset);
  Dataset data = options.dataset == "fashion-mnist" ? load_fashion_mnist(descriptor, options)
                                                    : load_cifar(descriptor, options);
  check_counts(descriptor, data.train.class_count, data.train.count(), data.test.count(),
               data_directory(options) / descriptor.directory);
  return data;
}

/// Reads the lists of a data set of image files that has a descriptor.
Listing read_listing(const std::string& dataset, const fs::path& root) {
  if (dataset == "cub200") return list_cub200(root);
  if (dataset == "stanford-cars") return list_stanford_cars(root);
  return list_fgvc_aircraft(root);
}

}  // namespace

Listing list_dataset(const Options& options) {
  if (options.dataset == "image-folder") {
    if (options.folder.empty())
      fail("dataset = image-folder: name the folder that holds train/ and test/ with --folder");
    return list_image_folder(options.folder);
  }
  const DatasetDescriptor descriptor = descriptor_of(options.dataset);
  const fs::path root = need_directory(options, descriptor);
  Listing listing = read_listing(options.dataset, root);
  check_counts(descriptor, listing.class_count(), static_cast<std::int64_t>(listing.train.size()),
               static_cast<std::int64_t>(listing.test.size()), root);
  return listing;
}

fs::path pixel_store_file(const Listing& listing, const Options& options) {
  // An image folder may be anywhere, and a store next to it would be a surprise: its store is kept
  // with the others.
  const fs::path folder = options.pixel_store.empty() ? data_directory(options) / "pixel-store"
                                                      : fs::path(options.pixel_store);
  std::string name = listing.name;
  // Image folders of the same name in different places get different stores.
  if (listing.name == "image-folder")
    name = listing.title + "-" + sha256_hex(fs::canonical(listing.root).string()).substr(0, 8);
  if (options.store_side > 0) name += fmt::format("-{}", options.store_side);
  return folder / (name + ".pixels");
}

Dataset load_dataset(const Options& options, int threads) {
  Dataset data = load_all(options, threads);
  if (options.classes != "all") {
    const auto classes = wanted_classes(options.classes, data.train.class_count);
    data.title += fmt::format(" ({} of {} classes)", classes.size(), data.train.class_count);
    for (auto* split : {&data.train, &data.test}) {
      *split = keep_classes(*split, classes);
      if (split->count() == 0)
        fail("classes = {}: {} leaves no image of a split", printable(options.classes), data.title);
    }
  }
  data.train = limit_balanced(std::move(data.train), options.limit_train);
  data.test = limit_balanced(std::move(data.test), options.limit_test);
  return data;
}

}  // namespace lcr
