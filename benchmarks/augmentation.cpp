// The host augmentation on one thread: views per second, in total and by stage.
#include <benchmark/benchmark.h>

#include "lcr/image/augment.h"

namespace lcr {
namespace {

std::vector<std::uint8_t> noise(std::int64_t size) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size * size * 3));
  CounterRng rng(RngKey(0, "benchmark"));
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

void view(benchmark::State& state) {
  const std::int64_t source = state.range(0), size = state.range(1);
  const auto image = noise(source);
  std::vector<std::uint8_t> out(static_cast<std::size_t>(size * size * 3));
  const ViewRecipe recipe = training_recipe(Options(), 0);
  const RngKey key(0, "augmentation");
  std::uint32_t sample = 0;
  for ([[maybe_unused]] auto iteration : state) {
    const auto parameters = draw_view(CounterRng(key, 0, sample++), source, source, recipe);
    render_view(image, source, source, parameters, size, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(view)
    ->Args({28, 28})
    ->Args({32, 32})
    ->Args({160, 112})
    ->Args({256, 224})
    ->ArgNames({"from", "to"});

void stage(benchmark::State& state, int which) {
  constexpr std::int64_t kSize = 224;
  auto image = noise(kSize);
  std::vector<std::uint8_t> out(image.size());
  for ([[maybe_unused]] auto iteration : state) {
    switch (which) {
      case 0: crop_resize(image, kSize, kSize, {10, 10, 200, 180}, kSize, kSize, out); break;
      case 1: adjust_brightness(image, 0.9F); break;
      case 2: adjust_contrast(image, 0.9F); break;
      case 3: adjust_saturation(image, 0.9F); break;
      case 4: adjust_hue(image, 0.05); break;
      default: gaussian_blur(image, kSize, kSize, 1.5);
    }
    benchmark::DoNotOptimize(image.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(stage, crop_resize_224, 0);
BENCHMARK_CAPTURE(stage, brightness_224, 1);
BENCHMARK_CAPTURE(stage, contrast_224, 2);
BENCHMARK_CAPTURE(stage, saturation_224, 3);
BENCHMARK_CAPTURE(stage, hue_224, 4);
BENCHMARK_CAPTURE(stage, blur_224, 5);

}  // namespace
}  // namespace lcr
