// What SynthBirds shows: birds, whose species differ in their parts, and distractors.
#pragma once

#include <cstdint>

#include "lcr/base/rng.h"
#include "lcr/data/synth_canvas.h"

namespace lcr::synth {

/// The data set is one fixed set, like a downloaded one.
inline constexpr std::uint64_t kDataSeed = 20230618;

/// Kinds of distractors.
inline constexpr std::uint32_t kThings = 40;

/// The traits that tell one species from another.
struct Species {
  double body_hue, body_saturation, body_value, head_hue, head_saturation, head_value, wing_hue,
      belly_value, beak, tail;
  unsigned wing_pattern, bars;
  bool crest;
  Rgb beak_colour;
};

/// The species of that index: the same in every data set.
Species make_species(std::uint32_t index);

/// Draws a bird in the unit square, facing right, on both contexts: in colour, and as a white
/// silhouette. One call draws the same shapes on both, so that the mask is exact.
void draw_bird(cairo_t* image, cairo_t* mask, const Species& s, CounterRng& rng);

/// Draws one of the kThings kinds of distractor in the unit square.
void draw_thing(cairo_t* c, std::uint32_t kind, CounterRng& rng);

}  // namespace lcr::synth
