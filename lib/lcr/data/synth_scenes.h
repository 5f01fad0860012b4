// The images of SynthBirds: birds and distractors on cluttered backgrounds.
#pragma once

#include <cstdint>

#include "lcr/base/rng.h"
#include "lcr/data/synth_objects.h"

namespace lcr::synth {

/// Draws a bird among distractors on a background, with twigs across it. rgb: size x size x 3.
/// mask_out: size x size, the bird's coverage of each pixel from 0 to 255.
void draw_scene(const Species& species, int size, CounterRng rng, std::uint8_t* rgb,
                std::uint8_t* mask_out);

/// Draws the background and one object: a bird of species `which`, or a distractor of that kind.
/// rgb: size x size x 3.
void draw_portrait(bool bird, std::uint32_t which, int size, CounterRng rng, std::uint8_t* rgb);

}  // namespace lcr::synth
