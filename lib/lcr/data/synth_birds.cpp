#include "lcr/data/synth_birds.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include <cairo/cairo.h>

#include "lcr/base/error.h"
#include "lcr/base/parallel.h"
#include "lcr/base/rng.h"

namespace lcr {
namespace {

constexpr double kPi = std::numbers::pi;
// The data set is one fixed set, like a downloaded one.
constexpr std::uint64_t kDataSeed = 20230618;

constexpr std::uint32_t kThings = 40;           // kinds of distractors
constexpr std::uint32_t kStandinSpecies = 500;  // the stand-in's first
constexpr std::int64_t kStandinBirds = 40;

struct Rgb {
  double r, g, b;
};

Rgb hsv(double h, double s, double v) {
  h = (h - std::floor(h)) * 6;
  s = std::clamp(s, 0.0, 1.0);
  v = std::clamp(v, 0.0, 1.0);
  const auto channel = [&](double n) {
    const double k = std::fmod(n + h, 6.0);
    return v - v * s * std::clamp(std::min(k, 4 - k), 0.0, 1.0);
  };
  return {channel(5), channel(3), channel(1)};
}

/// An ARGB32 cairo surface with its context; units are pixels.
class Canvas {
 public:
  explicit Canvas(int size)
      : surface_(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, size, size),
                 cairo_surface_destroy),
        context_(cairo_create(surface_.get()), cairo_destroy) {
    check_internal(cairo_status(context_.get()) == CAIRO_STATUS_SUCCESS, "cairo surface");
  }
  cairo_t* get() { return context_.get(); }
  /// Premultiplied blue, green, red, alpha bytes of a pixel.
  std::uint8_t* pixel(int x, int y) {
    cairo_surface_flush(surface_.get());
    return cairo_image_surface_get_data(surface_.get()) +
           y * cairo_image_surface_get_stride(surface_.get()) + x * 4;
  }
  void modified() { cairo_surface_mark_dirty(surface_.get()); }

 private:
  std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)> surface_;
  std::unique_ptr<cairo_t, void (*)(cairo_t*)> context_;
};

// Shapes, filled with the current colour.
void set(cairo_t* c, Rgb colour) { cairo_set_source_rgb(c, colour.r, colour.g, colour.b); }
void ellipse(cairo_t* c, double x0, double y0, double x1, double y1) {
  cairo_save(c);
  cairo_translate(c, (x0 + x1) / 2, (y0 + y1) / 2);
  cairo_scale(c, std::max(1e-6, (x1 - x0) / 2), std::max(1e-6, (y1 - y0) / 2));
  cairo_new_path(c);
  cairo_arc(c, 0, 0, 1, 0, 2 * kPi);
  cairo_restore(c);
  cairo_fill(c);
}
void polygon(cairo_t* c, std::initializer_list<std::pair<double, double>> points) {
  cairo_new_path(c);
  for (const auto& [x, y] : points) cairo_line_to(c, x, y);
  cairo_close_path(c);
  cairo_fill(c);
}
void rectangle(cairo_t* c, double x0, double y0, double x1, double y1) {
  cairo_rectangle(c, x0, y0, x1 - x0, y1 - y0);
  cairo_fill(c);
}
void line(cairo_t* c, double x0, double y0, double x1, double y1, double width) {
  cairo_new_path(c);
  cairo_move_to(c, x0, y0);
  cairo_line_to(c, x1, y1);
  cairo_set_line_width(c, width);
  cairo_stroke(c);
}

/// The traits that tell one species from another.
struct Species {
  double body_hue, body_saturation, body_value, head_hue, head_saturation, head_value, wing_hue,
      belly_value, beak, tail;
  unsigned wing_pattern, bars;
  bool crest;
  Rgb beak_colour;
};

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

/// Draws a bird in the unit square, facing right, on both contexts: in colour, and as a white
/// silhouette. One call draws the same shapes on both, so that the mask is exact.
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
}

/// Draws one of forty kinds of distractor in the unit square.
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
  const double m = .5;  // the middle
  const double r = .4 * (1 + .05 * rng.normal());
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
  set(c, second);
  for (unsigned i = 0; i < count && pattern != 0; ++i) {
    const double x = m - r * .45 + i * r * .9 / count;
    if (pattern == 1)
      line(c, x, m - r * .3, x, m + r * .3, .033);
    else if (pattern == 2)
      ellipse(c, x, m - r * .1, x + r * .2, m + r * .1);
  }
}

/// Draws cloudy colour noise of five octaves, then random shapes.
void draw_background(Canvas& canvas, int size, CounterRng& rng) {
  std::vector<double> clouds(static_cast<std::size_t>(size * size * 3));
  for (int channel = 0; channel < 3; ++channel) {
    const double base = rng.uniform(.1, .9);
    for (int i = 0; i < size * size; ++i) clouds[static_cast<std::size_t>(i * 3 + channel)] = base;
  }
  for (const int cells : {2, 4, 8, 16, 32}) {
    std::vector<double> grid(static_cast<std::size_t>(cells * cells * 3));
    for (auto& value : grid) value = rng.normal() * .18 / std::pow(cells, .35);
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < size; ++x) {
        const double gx = std::clamp((x + .5) * cells / size - .5, 0.0, cells - 1.0);
        const double gy = std::clamp((y + .5) * cells / size - .5, 0.0, cells - 1.0);
        const int x0 = static_cast<int>(gx);
        const int y0 = static_cast<int>(gy);
        const int x1 = std::min(x0 + 1, cells - 1);
        const int y1 = std::min(y0 + 1, cells - 1);
        const double fx = gx - x0;
        const double fy = gy - y0;
        for (int channel = 0; channel < 3; ++channel) {
          const auto at = [&](int column, int r) {
            return grid[static_cast<std::size_t>((r * cells + column) * 3 + channel)];
          };
          clouds[static_cast<std::size_t>((y * size + x) * 3 + channel)] +=
              (at(x0, y0) * (1 - fx) + at(x1, y0) * fx) * (1 - fy) +
              (at(x0, y1) * (1 - fx) + at(x1, y1) * fx) * fy;
        }
      }
  }
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      std::uint8_t* pixel = canvas.pixel(x, y);
      for (int channel = 0; channel < 3; ++channel) {
        const double level = clouds[static_cast<std::size_t>((y * size + x) * 3 + channel)];
        pixel[2 - channel] = static_cast<std::uint8_t>(255 * std::clamp(level, 0.0, 1.0));
      }
      pixel[3] = 255;
    }
  canvas.modified();
  cairo_t* c = canvas.get();
  for (unsigned shapes = 4 + rng.below(8); shapes > 0; --shapes) {
    set(c, {rng.uniform(), rng.uniform(), rng.uniform()});
    const double x = rng.uniform(0, size);
    const double y = rng.uniform(0, size);
    const double w = rng.uniform(.05, .35) * size;
    const double h = rng.uniform(.05, .35) * size;
    const unsigned kind = rng.below(3);
    if (kind == 0)
      ellipse(c, x, y, x + w, y + h);
    else if (kind == 1)
      rectangle(c, x, y, x + w, y + h);
    else
      line(c, x, y, x + rng.uniform(-1, 1) * size, y + rng.uniform(-1, 1) * size,
           size * rng.uniform(.01, .05));
  }
}

/// Maps the unit square to a box of side `scale` around (x, y), all in units of the image, rotated
/// by up to 25 degrees and mirrored half of the time.
void place(std::initializer_list<cairo_t*> contexts, int size, double x, double y, double scale,
           CounterRng& rng) {
  const double angle = rng.uniform(-25, 25) * kPi / 180;
  const double mirror = rng.chance(.5) ? -1 : 1;
  for (cairo_t* c : contexts) {
    cairo_identity_matrix(c);
    cairo_translate(c, x * size, y * size);
    cairo_rotate(c, angle);
    cairo_scale(c, mirror * scale * size, scale * size);
    cairo_translate(c, -.5, -.5);
  }
}

void draw_scene(const Species& species, int size, CounterRng rng, std::uint8_t* rgb,
                std::uint8_t* mask_out) {
  Canvas image(size), mask(size);
  draw_background(image, size, rng);
  const double angle = rng.uniform(0, 2 * kPi);
  for (unsigned things = 1 + rng.below(2); things > 0; --things) {
    const double opposite = angle + kPi + rng.uniform(-.9, .9);
    const double scale = rng.uniform(.45, .75);
    place({image.get()}, size, .5 + .3 * std::cos(opposite), .5 + .3 * std::sin(opposite), scale,
          rng);
    draw_thing(image.get(), rng.below(kThings), rng);
  }
  place({image.get(), mask.get()}, size, .5 + .22 * std::cos(angle), .5 + .22 * std::sin(angle),
        rng.uniform(.7, 1.1), rng);
  draw_bird(image.get(), mask.get(), species, rng);
  cairo_identity_matrix(image.get());
  for (unsigned twigs = rng.below(3); twigs > 0; --twigs) {
    set(image.get(), {rng.uniform(), rng.uniform(), rng.uniform()});
    const double x = rng.uniform(0, size);
    const double y = rng.uniform(0, size);
    line(image.get(), x, y, x + rng.uniform(-.6, .6) * size, y + rng.uniform(-.6, .6) * size,
         size * rng.uniform(.005, .016));
  }
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      const std::uint8_t* pixel = image.pixel(x, y);
      for (int channel = 0; channel < 3; ++channel) *rgb++ = pixel[2 - channel];
      *mask_out++ = mask.pixel(x, y)[3];
    }
}

/// Draws the background and one object: a bird of species `which`, or a distractor of that kind.
void draw_portrait(bool bird, std::uint32_t which, int size, CounterRng rng, std::uint8_t* rgb) {
  Canvas image(size), mask(size);
  draw_background(image, size, rng);
  const double x = rng.uniform(.3, .7);
  const double y = rng.uniform(.3, .7);
  const double scale = bird ? rng.uniform(.7, 1.1) : rng.uniform(.6, 1);
  place({image.get(), mask.get()}, size, x, y, scale, rng);
  if (bird)
    draw_bird(image.get(), mask.get(), make_species(which), rng);
  else
    draw_thing(image.get(), which, rng);
  for (int row = 0; row < size; ++row)
    for (int column = 0; column < size; ++column) {
      const std::uint8_t* pixel = image.pixel(column, row);
      for (int channel = 0; channel < 3; ++channel) *rgb++ = pixel[2 - channel];
    }
}

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
    draw_portrait(bird, which, static_cast<int>(size), rng, set.pixels.data() + i * area * 3);
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
    draw_scene(make_species(species), static_cast<int>(settings.size),
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
