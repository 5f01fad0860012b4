#include "lcr/data/synth_objects.h"

#include <cmath>

namespace lcr::synth {
namespace {

/// The middle of a bird's body and its half axes.
struct Body {
  double x, y, length, height;
};

/// Draws the pattern of the wing. colour(Rgb) sets the colour.
template <class SetColour>
void draw_bars(cairo_t* c, const Species& s, const SetColour& colour, const Body& body) {
  const auto& [cx, cy, length, height] = body;
  for (unsigned bar = 0; bar < s.bars; ++bar) {
    const double part = static_cast<double>(bar) / s.bars;
    const double x = cx - length * .55 + part * length * .85;
    if (s.wing_pattern == 0) {
      colour({.94, .94, .94});
      line(c, x, cy - height * .45, x, cy + height * .3, .02);
    } else if (s.wing_pattern == 1) {
      colour({.08, .08, .08});
      ellipse(c, x, cy - height * .2, x + .035, cy - height * .2 + .035);
    } else if (s.wing_pattern == 2) {
      colour({.94, .86, .24});
      const double y = cy - height * .4 + part * height * .6;
      line(c, cx - length * .6, y, cx + length * .3, y, .017);
    }
  }
}

/// How one distractor looks.
struct Thing {
  std::uint32_t kind;
  Rgb first, second;
  unsigned corners, pattern, count;
  double k;  ///< a proportion of its parts
  double r;  ///< half its size
};

void draw_shape(cairo_t* c, const Thing& thing) {
  const auto& [kind, first, second, corners, pattern, count, k, r] = thing;
  const double m = .5;  // the middle
  set(c, first);
  switch (kind % 6) {
    case 0:  // star
      cairo_new_path(c);
      for (unsigned i = 0; i < 2 * corners; ++i) {
        const double radius = i % 2 ? r * k : r;
        const double angle = i * kPi / corners;
        cairo_line_to(c, m + radius * std::cos(angle), m + radius * std::sin(angle));
      }
      cairo_fill(c);
      break;
    case 1:  // cross
      rectangle(c, m - r, m - r * k * .6, m + r, m + r * k * .6);
      rectangle(c, m - r * k * .6, m - r, m + r * k * .6, m + r);
      break;
    case 2:  // car
      rectangle(c, m - r, m - r * .1, m + r, m + r * .4);
      polygon(c, {{m - r * .6, m - r * .1},
                  {m - r * .3, m - r * k},
                  {m + r * .4, m - r * k},
                  {m + r * .7, m - r * .1}});
      set(c, second);
      for (const double x : {-.55, .55})
        ellipse(c, m + r * (x - .25), m + r * .2, m + r * (x + .25), m + r * .7);
      break;
    case 3:  // mug
      rectangle(c, m - r * .6, m - r * .7, m + r * .4, m + r * .7);
      cairo_new_path(c);
      cairo_arc(c, m + r * .45, m, r * .4, -kPi / 2, kPi / 2);
      cairo_set_line_width(c, .05);
      cairo_stroke(c);
      break;
    case 4:  // tree
      set(c, second);
      rectangle(c, m - r * .12, m, m + r * .12, m + r);
      set(c, first);
      for (unsigned i = 0; i < count; ++i)
        polygon(c, {{m - r * k * (1 - .15 * i), m + r * (.3 - .35 * i)},
                    {m + r * k * (1 - .15 * i), m + r * (.3 - .35 * i)},
                    {m, m - r * (.3 + .25 * i)}});
      break;
    default:  // house
      rectangle(c, m - r * .7, m - r * .2, m + r * .7, m + r * .8);
      set(c, second);
      polygon(c, {{m - r * .9, m - r * .2}, {m + r * .9, m - r * .2}, {m, m - r}});
  }
}

void draw_pattern(cairo_t* c, const Thing& thing) {
  const auto& [kind, first, second, corners, pattern, count, k, r] = thing;
  const double m = .5;  // the middle
  set(c, second);
  for (unsigned i = 0; i < count && pattern != 0; ++i) {
    const double x = m - r * .45 + i * r * .9 / count;
    if (pattern == 1)
      line(c, x, m - r * .3, x, m + r * .3, .033);
    else if (pattern == 2)
      ellipse(c, x, m - r * .1, x + r * .2, m + r * .1);
  }
}

}  // namespace

Species make_species(std::uint32_t index) {
  CounterRng rng(RngKey(kDataSeed, "synthbirds/species"), index);
  Species s{};
  s.body_hue = rng.uniform();
  s.body_saturation = rng.uniform(.2, .7);
  s.body_value = rng.uniform(.4, .8);
  s.head_hue = rng.uniform();
  s.head_saturation = rng.uniform(.3, .9);
  s.head_value = rng.uniform(.3, .95);
  s.wing_hue = rng.uniform();
  s.belly_value = rng.uniform(.3, 1);
  s.beak = rng.uniform(.08, .28);
  s.tail = rng.uniform(.12, .34);
  s.wing_pattern = rng.below(4);
  s.bars = 1 + rng.below(4);
  s.crest = rng.below(2) == 1;
  s.beak_colour = hsv(index % 2 ? .11 : .02, .9, index % 3 ? .95 : .15);
  return s;
}

void draw_bird(cairo_t* image, cairo_t* mask, const Species& s, CounterRng& rng) {
  const auto jitter = [&](double sd) { return sd * rng.normal(); };
  const double light = rng.uniform(.85, 1.15);
  const double length = .26 * (1 + jitter(.06));
  const double height = .15 * (1 + jitter(.08));
  const Rgb body = hsv(s.body_hue + jitter(.01), s.body_saturation, s.body_value * light);
  const Rgb head = hsv(s.head_hue + jitter(.01), s.head_saturation, s.head_value * light);
  const Rgb wing = hsv(s.wing_hue + jitter(.01), .6, .7 * light);
  const Rgb belly = hsv(s.body_hue, .15, s.belly_value * light);
  const double tail_low = jitter(.018);
  const double tail_high = jitter(.018);
  const double beak_tip = jitter(.012);
  const double foot_left = jitter(.012);
  const double foot_right = jitter(.012);
  const double cx = .5, cy = .55;       // of the body
  const double hx = cx + length * .85;  // of the head
  const double hy = cy - height;
  const double r = .085;
  for (cairo_t* c : {image, mask}) {
    const auto colour = [&](Rgb value) { c == mask ? set(c, {1, 1, 1}) : set(c, value); };
    colour({.24, .16, .16});
    line(c, cx - length * .1, cy + height * .9, cx - length * .1 + foot_left, cy + height * 1.7,
         .017);
    line(c, cx + length * .15, cy + height * .9, cx + length * .15 + foot_right, cy + height * 1.7,
         .017);
    colour(wing);
    polygon(c, {{cx - length * .8, cy},
                {cx - length - s.tail, cy + .05 + tail_low},
                {cx - length - s.tail * .8, cy + .13 + tail_high}});
    colour(body);
    ellipse(c, cx - length, cy - height, cx + length, cy + height);
    colour(belly);
    ellipse(c, cx - length * .7, cy + height * .1, cx + length * .7, cy + height * .95);
    colour(s.beak_colour);
    polygon(c, {{hx + r * .5, hy - r * .45},
                {hx + r + s.beak, hy + beak_tip},
                {hx + r * .5, hy + r * .45}});
    colour(head);
    ellipse(c, hx - r, hy - r, hx + r, hy + r);
    if (s.crest)
      polygon(c, {{hx - r * .8, hy - r * .4}, {hx - r * 1.4, hy - r * 1.8}, {hx, hy - r * .8}});
    colour({.04, .04, .04});
    ellipse(c, hx + r * .1, hy - r * .4, hx + r * .5, hy);
    colour(wing);
    ellipse(c, cx - length * .65, cy - height * .55, cx + length * .35, cy + height * .35);
    draw_bars(c, s, colour, {.x = cx, .y = cy, .length = length, .height = height});
  }
}

void draw_thing(cairo_t* c, std::uint32_t kind, CounterRng& rng) {
  CounterRng traits(RngKey(kDataSeed, "synthbirds/things"), kind);
  const double hue = traits.uniform();
  const double saturation = traits.uniform(.3, .9);
  const double value = traits.uniform(.3, .95);
  const Rgb second = hsv(traits.uniform(), traits.uniform(.3, .9), traits.uniform(.3, .95));
  const unsigned corners = 4 + traits.below(5);
  const unsigned pattern = traits.below(4);
  const unsigned count = 2 + traits.below(3);
  const double k = traits.uniform(.35, .75);
  const Rgb first = hsv(hue + .01 * rng.normal(), saturation, value * rng.uniform(.9, 1.1));
  const double r = .4 * (1 + .05 * rng.normal());
  const Thing thing{kind, first, second, corners, pattern, count, k, r};
  draw_shape(c, thing);
  draw_pattern(c, thing);
}

}  // namespace lcr::synth
