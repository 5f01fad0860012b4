// From image files and from the pixel store to two normalised views per sample, on one thread; the
// peer is peers/two_views.py. Reads CUB-200-2011 from LCR_DATA, or another image folder with train/
// and test/ from LCR_BENCHMARK_IMAGES.
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <benchmark/benchmark.h>

#include "lcr/base/files.h"
#include "lcr/data/dataset_options.h"
#include "lcr/data/datasets.h"
#include "lcr/data/image_folder.h"
#include "lcr/image/augment.h"
#include "lcr/image/image_file.h"
#include "lcr/model/input.h"

namespace lcr {
namespace {

constexpr std::int64_t kImages = 512, kSize = 224, kBytes = kSize * kSize * 3;

struct Source {
  std::vector<std::vector<std::uint8_t>> files;  ///< JPEG bytes, so that no disk is timed
  ImageSet decoded;                              ///< the same images from the pixel store
};

/// The first 512 training images, balanced over classes; null without a data set.
const Source* source() {
  static const auto loaded = []() -> std::unique_ptr<Source> {
    const char* data = std::getenv("LCR_DATA");
    const char* folder = std::getenv("LCR_BENCHMARK_IMAGES");
    if (!data && !folder) return nullptr;
    Options options;
    options.get<DatasetOptions>().dataset = folder ? "image-folder" : "cub200";
    if (folder) options.get<ImageFolderOptions>().folder = folder;
    options.get<DatasetOptions>().limit_train = options.get<DatasetOptions>().limit_test = kImages;
    options.get<DataFolderOptions>().pixel_store =
        (std::filesystem::temp_directory_path() / "lcr-benchmark-store").string();
    auto result = std::make_unique<Source>();
    const Listing listing = list_dataset(options);
    std::vector<std::int32_t> labels;
    for (const auto& image : listing.train) labels.push_back(image.label);
    for (const auto i : balanced_indices(labels, listing.class_count(), kImages))
      result->files.push_back(
          read_file(listing.root / listing.train[static_cast<std::size_t>(i)].path, 1 << 28));
    result->decoded = load_dataset(options, 2).train;
    return result;
  }();
  return loaded.get();
}

void two_views(const ImageView& image, std::uint32_t sample, std::vector<std::uint8_t>& views) {
  static const RngKey key(0, "augmentation");
  static const ViewRecipe recipe = training_recipe(Options(), 0);
  constexpr auto kViewBytes = static_cast<std::size_t>(kBytes);
  for (std::uint32_t view = 0; view < 2; ++view) {
    const auto parameters =
        draw_view(CounterRng(key, 0, sample, view), image.height, image.width, recipe);
    const auto out = std::span(views).subspan(view * kViewBytes, kViewBytes);
    render_view(image.pixels, image.height, image.width, parameters, kSize, out);
  }
}

enum class Part { kDecode, kStore, kFile, kCopy };

void pipeline(benchmark::State& state, Part part) {
  const Source* images = source();
  if (!images)
    return state.SkipWithError(
        "set LCR_DATA to a folder with CUB_200_2011, or LCR_BENCHMARK_IMAGES");
  std::vector<std::uint8_t> views(2 * kBytes);
  std::uint32_t i = 0;
  const auto count = static_cast<std::uint32_t>(images->files.size());
  for ([[maybe_unused]] auto iteration : state) {
    const std::uint32_t sample = i++ % count;
    switch (part) {
      case Part::kDecode: benchmark::DoNotOptimize(decode_image(images->files[sample], "")); break;
      case Part::kStore: two_views(images->decoded.image(sample), i, views); break;
      case Part::kFile: {
        const RgbImage image = decode_image(images->files[sample], "");
        two_views({image.pixels, image.height, image.width}, i, views);
        break;
      }
      case Part::kCopy: {  // the minimum to move: the image in, both views out
        const ImageView image = images->decoded.image(sample);
        std::memcpy(views.data(), image.pixels.data(), std::min(views.size(), image.pixels.size()));
        std::memset(views.data(), static_cast<int>(sample), views.size());
        break;
      }
    }
    if (part == Part::kStore || part == Part::kFile)
      benchmark::DoNotOptimize(to_input(views, 2, kSize, torch::kCPU));
    benchmark::DoNotOptimize(views.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(pipeline, decode, Part::kDecode);
BENCHMARK_CAPTURE(pipeline, two_views_from_store_224, Part::kStore);
BENCHMARK_CAPTURE(pipeline, two_views_from_file_224, Part::kFile);
BENCHMARK_CAPTURE(pipeline, copy_floor, Part::kCopy);

}  // namespace
}  // namespace lcr
