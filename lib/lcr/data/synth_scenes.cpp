#include "lcr/data/synth_scenes.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <vector>

#include "lcr/data/synth_canvas.h"

namespace lcr::synth {
namespace {

/// Cloudy colour noise of five octaves: size x size x 3, around values from 0 to 1.
std::vector<double> make_clouds(int size, CounterRng& rng) {
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
  return clouds;
}

/// Draws cloudy colour noise of five octaves, then random shapes.
void draw_background(Canvas& canvas, int size, CounterRng& rng) {
  const std::vector<double> clouds = make_clouds(size, rng);
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

}  // namespace

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

}  // namespace lcr::synth
