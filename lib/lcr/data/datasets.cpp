#include "lcr/data/datasets.h"

#include <algorithm>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/data/catalogue.h"
#include "lcr/data/class_list.h"
#include "lcr/data/data_directory.h"
#include "lcr/data/dataset_options.h"
#include "lcr/data/pixel_store.h"

namespace lcr {
namespace fs = std::filesystem;

namespace {

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

Dataset load_image_files(const Options& options, int threads, bool verify) {
  const Listing listing = list_dataset(options);
  std::vector<std::string> paths;
  for (const auto* split : {&listing.train, &listing.test})
    for (const auto& image : *split) paths.push_back(image.path);
  const PixelStoreOptions store_options{.file = pixel_store_file(listing, options),
                                        .root = listing.root,
                                        .short_side = options.get<ImageFileOptions>().store_side,
                                        .cut_bottom = listing.cut_bottom,
                                        .skip_bad = options.get<DataFolderOptions>().skip_bad,
                                        .threads = threads};
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
  return {.name = dataset_of(options).name,
          .title = listing.title,
          .train = make_set(listing, listing.train, store, 0),
          .test = make_set(listing, listing.test, store, listing.train.size())};
}

}  // namespace

Listing list_dataset(const Options& options) {
  const DatasetSpec& spec = dataset_of(options);
  check_internal(spec.has_image_files(), "a list of a data set without image files");
  return spec.list(options);
}

fs::path pixel_store_file(const Listing& listing, const Options& options) {
  // An image folder may be anywhere, and a store next to it would be a surprise: its store is kept
  // with the others.
  const std::string& given = options.get<DataFolderOptions>().pixel_store;
  const fs::path folder = given.empty() ? data_directory(options) / "pixel-store" : fs::path(given);
  std::string name = listing.name;
  // Folders of the same name in different places get different stores.
  if (!listing.has_fixed_place)
    name = listing.title + "-" + sha256_hex(fs::canonical(listing.root).string()).substr(0, 8);
  const std::int64_t side = options.get<ImageFileOptions>().store_side;
  if (side > 0) name += fmt::format("-{}", side);
  return folder / (name + ".pixels");
}

Dataset load_dataset(const Options& options, int threads, bool verify) {
  const DatasetSpec& spec = dataset_of(options);
  Dataset data = spec.has_image_files() ? load_image_files(options, threads, verify)
                                        : spec.load(options, threads);
  const auto& [dataset, wanted, limit_train, limit_test] = options.get<DatasetOptions>();
  if (wanted != "all") {
    const auto classes = wanted_classes(wanted, data.train.class_count);
    data.title += fmt::format(" ({} of {} classes)", classes.size(), data.train.class_count);
    for (auto* split : {&data.train, &data.test}) {
      *split = keep_classes(*split, classes);
      if (split->count() == 0)
        fail("classes = {}: {} leaves no image of a split", printable(wanted), data.title);
    }
  }
  data.train = limit_balanced(std::move(data.train), limit_train);
  data.test = limit_balanced(std::move(data.test), limit_test);
  return data;
}

}  // namespace lcr
