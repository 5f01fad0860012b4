// SynthBirds: procedurally drawn birds whose classes differ in their parts alone (colours, beak, tail, crest, wing pattern),
// among other objects on cluttered backgrounds, with the true mask of the bird (thin twigs that cross it count as bird). No
// download, and localisation can be measured.
#pragma once

#include <cstdint>

#include "lcr/data/image_set.h"

namespace lcr {

struct SynthBirdsSettings {
  std::int64_t classes = 20;
  std::int64_t train_per_class = 60, test_per_class = 40;
  std::int64_t size = 48;           ///< side in pixels
  std::int64_t first_class = 0;     ///< class c is drawn with the traits of species first_class + c: disjoint ranges share none
  int threads = 1;
};

/// Draws the data set. It depends on the settings alone (not on a run's seed, nor on the number of threads).
Dataset make_synth_birds(const SynthBirdsSettings& settings);

}  // namespace lcr
