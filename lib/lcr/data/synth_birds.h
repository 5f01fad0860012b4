// SynthBirds: procedurally drawn birds whose classes differ only in their parts (colours, beak,
// tail, crest, wing pattern), among other objects on cluttered backgrounds, with the true mask of
// the bird (thin twigs that cross it count as bird). It needs no download, and localisation can be
// measured on it.
#pragma once

#include <cstdint>

#include "lcr/data/image_set.h"

namespace lcr {

/// The size of a data set, and its classes.
struct SynthBirdsSettings {
  std::int64_t classes = 20;
  std::int64_t train_per_class = 60, test_per_class = 40;
  std::int64_t size = 48;  ///< side in pixels
  /// Class c has the traits of species first_class + c: disjoint ranges share no species.
  std::int64_t first_class = 0;
  int threads = 1;
};

/// Draws the data set. It depends on neither a run's seed nor the number of threads.
Dataset make_synth_birds(const SynthBirdsSettings& settings);

/// The stand-in for ImageNet in supervised pre-training: 40 species (500 and up) that no data set
/// of at most 500 classes draws, and the 40 kinds of distractors, each alone on the same
/// backgrounds: 80 classes with `per_class` training images and a third as many test images (at
/// least 2). No masks.
Dataset make_synth_birds_standin(std::int64_t size, std::int64_t per_class, int threads);

}  // namespace lcr
