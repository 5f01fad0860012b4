// The functions that the CUDA kernels run, run here on the CPU: byte for byte equal to
// render_view(). With a GPU, tests/train/device_views_test.cpp compares the kernels themselves.
#include "lcr/image/view_stages.h"

#include <gtest/gtest.h>

#include "lcr/image/augment.h"
#include "lcr/image/view_options.h"
#include "lcr/image/view_task.h"

namespace lcr {
namespace {

struct Case {
  const char* name;
  ViewRecipe recipe;
};

std::vector<Case> cases() {
  Options moco, byol;
  byol.get<ViewOptions>().augmentation = "byol";
  Options authors = byol;
  authors.get<ViewOptions>().gaussian_blur = "torchvision";
  authors.get<InputOptions>().image_size = 224;  // a kernel of 23 pixels
  return {{"moco", training_recipe(moco, 0)},
          {"byol query", training_recipe(byol, 0)},
          {"byol key", training_recipe(byol, 1)},
          {"authors' byol query", training_recipe(authors, 0)},
          {"authors' byol key", training_recipe(authors, 1)},
          {"probe", probe_recipe(moco)}};
}

TEST(ViewStages, DividesInBothWidths) {
  for (const std::int64_t a : {0LL, 7LL, 0xffffffffLL, 0x100000000LL, 0x123456789abcLL})
    for (const std::int64_t b : {1LL, 3LL, 0xffffffffLL, 0x100000001LL}) {
      EXPECT_EQ(divided(a, b).whole, a / b) << a << " " << b;
      EXPECT_EQ(divided(a, b).rest, a % b) << a << " " << b;
    }
}

TEST(ViewStages, AreRenderViewOnWholeBatches) {
  // Images of several sizes, larger and smaller than the views.
  CounterRng rng(RngKey(0, "images"));
  std::vector<std::uint8_t> pixels;
  std::vector<std::array<std::int64_t, 3>> images;  // offset, height, width
  for (const auto& [height, width] : {std::pair(20, 26), std::pair(64, 40), std::pair(9, 100),
                                      std::pair(1, 1), std::pair(90, 90)}) {
    images.push_back({static_cast<std::int64_t>(pixels.size()), height, width});
    const int base = static_cast<int>(rng.below(156));
    for (int i = 0; i < height * width * 3; ++i)
      pixels.push_back(static_cast<std::uint8_t>(base + static_cast<int>(rng.below(100))));
  }
  for (const auto& [name, recipe] : cases())
    for (const std::int64_t size : {24, 33}) {
      const std::int64_t n = 60, area = size * size * 3;
      std::vector<ViewParameters> views;
      std::vector<ViewTask> tasks;
      std::int64_t rows = 1, room = 1;
      for (std::int64_t i = 0; i < n; ++i) {
        const auto& [offset, height, width] = images[static_cast<std::size_t>(i) % images.size()];
        views.push_back(draw_view(CounterRng(RngKey(1, name), static_cast<std::uint32_t>(i)),
                                  height, width, recipe));
        tasks.push_back(make_view_task(views.back(), offset, width));
        rows = std::max<std::int64_t>(rows, tasks.back().crop_height);
        for (const auto side : {tasks.back().crop_width, tasks.back().crop_height})
          room = std::max(room, resize_taps(resize_axis(side, size, tasks.back().bicubic != 0)));
      }
      std::vector<std::int64_t> first(static_cast<std::size_t>(n * 2 * size));
      std::vector<std::int32_t> count(first.size());
      std::vector<std::int32_t> weights(first.size() * static_cast<std::size_t>(room));
      std::vector<std::uint8_t> middle(static_cast<std::size_t>(n * rows * size * 3));
      std::vector<std::uint8_t> out(static_cast<std::size_t>(n * area));
      std::vector<std::uint8_t> scratch(out.size());
      const ViewBuffers buffers{.views = n,
                                .size = size,
                                .rows = rows,
                                .room = room,
                                .pixels = pixels.data(),
                                .tasks = tasks.data(),
                                .first = first.data(),
                                .count = count.data(),
                                .weights = weights.data(),
                                .middle = middle.data(),
                                .out = out.data(),
                                .scratch = scratch.data()};
      for (std::int64_t i = 0; i < weight_elements(buffers); ++i) make_weights(buffers, i);
      for (std::int64_t i = 0; i < across_elements(buffers); ++i) resize_across(buffers, i);
      for (std::int64_t i = 0; i < view_elements(buffers); ++i) resize_down(buffers, i);
      for (std::int64_t view = 0; view < n; ++view)
        colour_view(buffers, view, 0, 1, [](long long value) { return value; });
      for (int pass = 0; pass < kBlurStages; ++pass)
        for (std::int64_t i = 0; i < view_elements(buffers); ++i) blur_pass(buffers, pass, i);
      for (std::int64_t i = 0; i < view_elements(buffers); ++i) solarise_element(buffers, i);

      std::vector<std::uint8_t> expected(static_cast<std::size_t>(area));
      for (std::int64_t i = 0; i < n; ++i) {
        const auto& [offset, height, width] = images[static_cast<std::size_t>(i) % images.size()];
        const auto image = std::span(pixels).subspan(static_cast<std::size_t>(offset),
                                                     static_cast<std::size_t>(height * width * 3));
        render_view(image, height, width, views[static_cast<std::size_t>(i)], size, expected);
        const std::vector<std::uint8_t> actual(out.begin() + i * area,
                                               out.begin() + (i + 1) * area);
        ASSERT_EQ(actual, expected) << name << " size " << size << " view " << i;
      }
    }
}

}  // namespace
}  // namespace lcr
