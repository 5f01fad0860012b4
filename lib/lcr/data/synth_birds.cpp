#include "lcr/data/synth_birds.h"

#include <algorithm>

#include "lcr/base/parallel.h"
#include "lcr/base/rng.h"
#include "lcr/data/synth_scenes.h"

namespace lcr {
namespace {

using synth::kDataSeed;
using synth::kThings;

constexpr std::uint32_t kStandinSpecies = 500;  // the stand-in's first
constexpr std::int64_t kStandinBirds = 40;

ImageSet draw_standin_split(std::int64_t size, std::int64_t per_class, const char* split,
                            int threads) {
  ImageSet set;
  set.height = set.width = size;
  set.class_count = kStandinBirds + kThings;
  const std::int64_t count = set.class_count * per_class;
  const std::int64_t area = size * size;
  set.pixels.resize(static_cast<std::size_t>(count * area * 3));
  for (std::int64_t i = 0; i < count; ++i)
    set.labels.push_back(static_cast<std::int32_t>(i / per_class));
  const RngKey key(kDataSeed, split);
  parallel_for(count, threads, [&](std::int64_t i) {
    const auto label = static_cast<std::uint32_t>(i / per_class);
    const bool bird = label < kStandinBirds;
    const std::uint32_t which =
        bird ? kStandinSpecies + label : label - static_cast<std::uint32_t>(kStandinBirds);
    const CounterRng rng(key, label, static_cast<std::uint32_t>(i % per_class));
    synth::draw_portrait(bird, which, static_cast<int>(size), rng,
                         set.pixels.data() + i * area * 3);
  });
  return set;
}

ImageSet draw_split(const SynthBirdsSettings& settings, std::int64_t per_class, const char* split) {
  ImageSet set;
  set.height = set.width = settings.size;
  set.class_count = settings.classes;
  const std::int64_t count = settings.classes * per_class;
  const std::int64_t area = settings.size * settings.size;
  set.pixels.resize(static_cast<std::size_t>(count * area * 3));
  set.masks.resize(static_cast<std::size_t>(count * area));
  for (std::int64_t i = 0; i < count; ++i)
    set.labels.push_back(static_cast<std::int32_t>(i / per_class));
  const RngKey key(kDataSeed, split);
  parallel_for(count, settings.threads, [&](std::int64_t i) {
    const auto species = static_cast<std::uint32_t>(settings.first_class + i / per_class);
    synth::draw_scene(synth::make_species(species), static_cast<int>(settings.size),
                      CounterRng(key, species, static_cast<std::uint32_t>(i % per_class)),
                      set.pixels.data() + i * area * 3, set.masks.data() + i * area);
  });
  return set;
}

}  // namespace

Dataset make_synth_birds(const SynthBirdsSettings& settings) {
  return {"synthbirds", "SynthBirds",
          draw_split(settings, settings.train_per_class, "synthbirds/train"),
          draw_split(settings, settings.test_per_class, "synthbirds/test")};
}

Dataset make_synth_birds_standin(std::int64_t size, std::int64_t per_class, int threads) {
  return {"synthbirds-standin", "SynthBirds stand-in (disjoint species and distractors)",
          draw_standin_split(size, per_class, "synthbirds-standin/train", threads),
          draw_standin_split(size, std::max<std::int64_t>(2, per_class / 3),
                             "synthbirds-standin/test", threads)};
}

}  // namespace lcr
