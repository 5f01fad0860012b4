// The two views of a batch rendered by a CUDA device, from images in its memory and from the
// host's, as the trainer's input.
#include "benchmarks/device_benchmarks.h"

#ifdef LCR_WITH_CUDA_KERNELS
#include <optional>

#include "lcr/base/rng.h"
#include "lcr/data/batch_options.h"
#include "lcr/image/view_options.h"
#include "lcr/train/device_views.h"
#include "lcr/train/two_view_input.h"

namespace lcr {
namespace {

constexpr std::int64_t kBatch = 128, kBatches = 4, kSide = 256;

ImageSet noise_images() {
  ImageSet set;
  set.height = set.width = kSide;
  set.class_count = 1;
  set.labels.resize(kBatch * kBatches, 0);
  CounterRng rng(RngKey(0, "benchmark"));
  set.pixels.resize(set.labels.size() * kSide * kSide * 3);
  for (auto& byte : set.pixels) byte = static_cast<std::uint8_t>(rng.next());
  return set;
}

void device_views(benchmark::State& state, const torch::Device& device, double resident_share) {
  const ImageSet images = noise_images();
  Options options;
  options.get<BatchOptions>().batch_size = kBatch;
  options.get<InputOptions>().image_size = 224;
  const auto views = std::make_shared<DeviceViews>(images, device, resident_share);
  std::optional<TwoViewInput> input;
  std::int64_t epoch = 0, left = 0;
  const auto one = [&] {
    if (left == 0) {
      input.emplace(images, options, 0, epoch++, 1, 0, 1, device, views);
      left = kBatches;
    }
    --left;
    benchmark::DoNotOptimize(input->next());
  };
  warm_up(device, one);
  time_on_device(state, device, kBatch, one);
}

}  // namespace

void register_device_views(const torch::Device& device) {
  for (const auto& [name, share] : {std::pair("resident", 1.0), std::pair("copied", 0.0)})
    benchmark::RegisterBenchmark(
        (std::string("views/224px/b128/") + name).c_str(),
        [device, share = share](benchmark::State& state) { device_views(state, device, share); })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
}

}  // namespace lcr
#else
namespace lcr {

void register_device_views(const torch::Device&) {}

}  // namespace lcr
#endif
