#include "lcr/image/augment.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lcr/base/hashing.h"
#include "lcr/data/loader.h"
#include "lcr/data/synth_birds.h"
#include "lcr/image/pixel_ops.h"
#include "lcr/image/view_options.h"
#include "lcr/method/host_options.h"
#include "tests/support/images.h"

namespace lcr {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(PixelOps, AgreeWithPillow) {
  const auto& golden = testing::pixel_goldens();
  const std::int64_t height = golden["height"], width = golden["width"];
  const Bytes image = golden["pixels"].get<Bytes>();
  int cases = 0;
  for (const auto& item : golden["cases"]) {
    const std::string op = item["op"];
    const auto& p = item["parameters"];
    const Bytes expected = item["pixels"].get<Bytes>();
    const std::int64_t out_height = item["height"], out_width = item["width"];
    Bytes actual = image;
    const double factor = p.value("factor", 0.0);
    if (op == "crop_resize" || op == "bicubic") {
      actual.resize(expected.size());
      crop_resize(image, height, width, {p["x"], p["y"], p["w"], p["h"]}, out_height, out_width,
                  actual, op == "bicubic" ? Interpolation::kBicubic : Interpolation::kBilinear);
    } else if (op == "solarise") {
      solarise(actual);
    } else if (op == "test_view" || op == "test_view_bicubic") {
      Options options;
      options.get<InputOptions>().test_resize = p["resize"];
      options.get<InputOptions>().image_size = p["size"];
      options.get<InputOptions>().test_interpolation = op == "test_view" ? "bilinear" : "bicubic";
      actual.resize(expected.size());
      render_test_view(image, height, width, test_transform(options), actual);
    } else if (op == "brightness") {
      adjust_brightness(actual, static_cast<float>(factor));
    } else if (op == "contrast") {
      adjust_contrast(actual, static_cast<float>(factor));
    } else if (op == "saturation") {
      adjust_saturation(actual, static_cast<float>(factor));
    } else if (op == "hue") {
      adjust_hue(actual, factor);
    } else if (op == "gray") {
      to_gray(actual);
    } else if (op == "blur") {
      gaussian_blur(actual, height, width, factor);
    } else if (op == "blur_by_kernel") {
      gaussian_blur_by_kernel(actual, height, width, gaussian_kernel(factor, p["length"]));
    } else {
      ASSERT_EQ(op, "flip");
      flip_horizontal(actual, width);
    }
    ASSERT_EQ(actual.size(), expected.size());
    int worst = 0;
    for (std::size_t i = 0; i < actual.size(); ++i)
      worst = std::max(worst, std::abs(actual[i] - expected[i]));
    EXPECT_EQ(worst, 0) << op << " " << p.dump();
    ++cases;
  }
  EXPECT_GE(cases, 45);
}

TEST(PixelOps, AgreeWithPillowOnEveryColour) {
  Bytes every(3 << 24);
  for (std::size_t i = 0; i < 1 << 24; ++i)
    for (std::size_t channel = 0; channel < 3; ++channel)
      every[3 * i + channel] = static_cast<std::uint8_t>(i >> (16 - 8 * channel));
  for (const auto& item : testing::pixel_goldens()["every_colour"]) {
    Bytes actual = every;
    const double factor = item["factor"];
    if (item["op"] == "hue")
      adjust_hue(actual, factor);
    else
      adjust_saturation(actual, static_cast<float>(factor));
    EXPECT_EQ(sha256_hex({reinterpret_cast<const char*>(actual.data()), actual.size()}),
              item["sha256"].get<std::string>())
        << item.dump();
  }
}

TEST(PixelOps, AgreeWithPillowOnLargeNoise) {
  constexpr std::int64_t kHeight = 600, kWidth = 700;
  Bytes noise(kHeight * kWidth * 3);
  for (std::uint64_t i = 0; i < noise.size(); ++i)
    noise[i] = static_cast<std::uint8_t>((i * i * 40503 + i * 2654435761) >> 16);
  for (const auto& item : testing::pixel_goldens()["large"]) {
    const std::string op = item["op"];
    Bytes actual = noise;
    if (op == "blur") {
      gaussian_blur(actual, kHeight, kWidth, item["factor"]);
    } else if (op == "contrast") {
      adjust_contrast(actual, item["factor"].get<float>());
    } else {
      actual.resize(224 * 224 * 3);
      crop_resize(noise, kHeight, kWidth, {item["x"], item["y"], item["w"], item["h"]}, 224, 224,
                  actual, op == "bicubic" ? Interpolation::kBicubic : Interpolation::kBilinear);
    }
    EXPECT_EQ(sha256_hex({reinterpret_cast<const char*>(actual.data()), actual.size()}),
              item["sha256"].get<std::string>())
        << item.dump();
  }
}

TEST(Augment, ViewsDependOnTheirCoordinatesAlone) {
  const ViewRecipe options = training_recipe(Options(), 0);
  const RngKey key(0, "augmentation");
  const auto a = draw_view(CounterRng(key, 1, 2, 0), 32, 32, options);
  const auto b = draw_view(CounterRng(key, 1, 2, 0), 32, 32, options);
  EXPECT_EQ(a.crop.x, b.crop.x);
  EXPECT_EQ(a.hue, b.hue);
  const auto other = draw_view(CounterRng(key, 1, 2, 1), 32, 32, options);
  EXPECT_TRUE(a.crop.x != other.crop.x || a.crop.width != other.crop.width ||
              a.brightness != other.brightness);
}

TEST(Augment, ParametersHaveTheirDistributions) {
  const ViewRecipe options = training_recipe(Options(), 0);
  const RngKey key(11, "distribution");
  constexpr int kCount = 20000;
  int jitter = 0, gray = 0, blur = 0, flip = 0;
  double area = 0;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    const auto view = draw_view(CounterRng(key, i), 100, 100, options);
    jitter += view.jitter;
    gray += view.gray;
    blur += view.blur_sigma > 0;
    flip += view.flip;
    area += static_cast<double>(view.crop.width * view.crop.height) / 10000;
    ASSERT_TRUE(view.crop.x >= 0 && view.crop.x + view.crop.width <= 100 && view.crop.y >= 0 &&
                view.crop.y + view.crop.height <= 100);
    ASSERT_TRUE(view.brightness >= 0.6F && view.brightness <= 1.4F && std::abs(view.hue) <= 0.1);
    ASSERT_TRUE(view.blur_sigma == 0 || (view.blur_sigma >= 0.1 && view.blur_sigma <= 2));
  }
  // Five standard deviations of the counts.
  EXPECT_NEAR(jitter, 0.8 * kCount, 5 * std::sqrt(kCount * .16));
  EXPECT_NEAR(gray, 0.2 * kCount, 5 * std::sqrt(kCount * .16));
  EXPECT_NEAR(blur, 0.5 * kCount, 5 * std::sqrt(kCount * .25));
  EXPECT_NEAR(flip, 0.5 * kCount, 5 * std::sqrt(kCount * .25));
  // Measured with torchvision: below the mean of U(.2, 1), as large crops of extreme aspect are
  // redrawn.
  EXPECT_NEAR(area / kCount, 0.5445, 0.01);
}

// The share of our draws below each of torchvision's quantiles, within five standard deviations of
// both samples.
TEST(Augment, CropsAreDistributedAsTorchvisions) {
  for (const auto& golden : testing::pixel_goldens()["crops"]) {
    const std::int64_t height = golden["height"], width = golden["width"];
    ViewRecipe recipe = probe_recipe(Options());
    recipe.crop_area_min = golden["low"];
    const RngKey key(5, "crops");
    constexpr int kCount = 40000, kGoldenCount = 200000;
    std::map<std::string, std::vector<double>> draws;
    for (std::uint32_t i = 0; i < kCount; ++i) {
      const Box crop = draw_view(CounterRng(key, i), height, width, recipe).crop;
      draws["area"].push_back(static_cast<double>(crop.width * crop.height));
      draws["aspect"].push_back(static_cast<double>(crop.width) / static_cast<double>(crop.height));
      draws["left"].push_back((static_cast<double>(crop.x) + 0.5) /
                              static_cast<double>(width - crop.width + 1));
    }
    for (const auto& [what, values] : draws)
      for (std::size_t q = 0; q < golden["at"].size(); ++q) {
        const double at = golden["at"][q], quantile = golden[what][q];
        // Areas and aspects are discrete: half of the ties count as below.
        double below = 0;
        for (const double value : values) {
          if (value < quantile)
            below += 1;
          else if (value == quantile)
            below += 0.5;
        }
        const double deviation = std::sqrt(at * (1 - at) * (1.0 / kCount + 1.0 / kGoldenCount));
        EXPECT_NEAR(below / kCount, at, 5 * deviation + 0.002)
            << what << " at " << at << " of " << width << " x " << height;
      }
  }
}

/// The Kolmogorov-Smirnov distance of a sample from the uniform distribution on [low, high].
double distance_from_uniform(std::vector<double> values, double low, double high) {
  std::sort(values.begin(), values.end());
  double worst = 0;
  const auto n = static_cast<double>(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double expected = (values[i] - low) / (high - low);
    worst = std::max({worst, std::abs(expected - static_cast<double>(i) / n),
                      std::abs(expected - static_cast<double>(i + 1) / n)});
  }
  return worst;
}

TEST(Augment, FactorsAreUniformAndOrdersEquallyLikely) {
  const ViewRecipe recipe = training_recipe(Options(), 0);
  const RngKey key(3, "factors");
  std::map<std::string, std::vector<double>> values;
  std::map<std::array<std::uint8_t, 4>, int> orders;
  for (std::uint32_t i = 0; i < 20000; ++i) {
    const auto view = draw_view(CounterRng(key, i), 64, 64, recipe);
    if (view.jitter) {
      values["brightness"].push_back(view.brightness);
      values["contrast"].push_back(view.contrast);
      values["saturation"].push_back(view.saturation);
      values["hue"].push_back(view.hue);
      ++orders[view.jitter_order];
    }
    if (view.blur_sigma > 0) values["sigma"].push_back(view.blur_sigma);
  }
  const std::map<std::string, std::pair<double, double>> ranges = {{"brightness", {.6, 1.4}},
                                                                   {"contrast", {.6, 1.4}},
                                                                   {"saturation", {.6, 1.4}},
                                                                   {"hue", {-.1, .1}},
                                                                   {"sigma", {.1, 2}}};
  for (const auto& [name, sample] : values) {
    const auto [low, high] = ranges.at(name);
    const double limit = 2.0 / std::sqrt(static_cast<double>(sample.size()));  // p < 0.001
    EXPECT_LT(distance_from_uniform(sample, low, high), limit) << name;
  }
  EXPECT_EQ(orders.size(), 24U);
  for (const auto& [order, count] : orders)
    EXPECT_NEAR(count, 16000 / 24, 5 * std::sqrt(16000 / 24.0));
}

TEST(Augment, ByolsViewsDiffer) {
  Options options;
  options.get<ViewOptions>().augmentation = "byol";
  const RngKey key(4, "byol");
  int blurred[2] = {0, 0}, solarised[2] = {0, 0};
  constexpr int kCount = 5000;
  for (const int which : {0, 1}) {
    const ViewRecipe recipe = training_recipe(options, which);
    EXPECT_EQ(recipe.interpolation, Interpolation::kBicubic);
    for (std::uint32_t i = 0; i < kCount; ++i) {
      const auto view =
          draw_view(CounterRng(key, i, 0, static_cast<std::uint32_t>(which)), 64, 64, recipe);
      blurred[which] += view.blur_sigma > 0;
      solarised[which] += view.solarise;
    }
  }
  EXPECT_EQ(blurred[0], kCount);
  EXPECT_EQ(solarised[0], 0);
  EXPECT_NEAR(blurred[1], 0.1 * kCount, 5 * std::sqrt(kCount * .09));
  EXPECT_NEAR(solarised[1], 0.2 * kCount, 5 * std::sqrt(kCount * .16));
}

TEST(Augment, OptionsChooseTheBlurAndTheInterpolation) {
  Options options;
  EXPECT_EQ(training_recipe(options, 0).blur_kernel, 0);
  EXPECT_EQ(probe_recipe(options).interpolation, Interpolation::kBilinear);
  options.get<InputOptions>().image_size = 224;
  options.get<ViewOptions>().gaussian_blur = "torchvision";
  options.get<InputOptions>().test_interpolation = "bicubic";
  const ViewRecipe recipe = training_recipe(options, 1);
  EXPECT_EQ(recipe.blur_kernel, 23);
  EXPECT_EQ(recipe.interpolation, Interpolation::kBilinear);  // of training, by --augmentation
  EXPECT_EQ(probe_recipe(options).interpolation, Interpolation::kBicubic);
  // The choice of the blur takes no random number: everything else of a view stays.
  Options pillow = options;
  pillow.get<ViewOptions>().gaussian_blur = "pillow";
  const RngKey key(5, "blur");
  for (std::uint32_t i = 0; i < 100; ++i) {
    const auto a = draw_view(CounterRng(key, i), 64, 64, training_recipe(options, 0));
    const auto b = draw_view(CounterRng(key, i), 64, 64, training_recipe(pillow, 0));
    EXPECT_EQ(a.blur_sigma, b.blur_sigma);
    EXPECT_EQ(a.flip, b.flip);
    EXPECT_EQ(a.blur_kernel, 23);
    EXPECT_EQ(b.blur_kernel, 0);
  }
}

TEST(Augment, NoOperationIsTheResizedImage) {
  const ViewRecipe options{.crop_area_min = 1, .flip_probability = 0};
  const Bytes image = [] {
    Bytes bytes(16 * 16 * 3);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
    return bytes;
  }();
  ViewParameters view = draw_view(CounterRng(RngKey(0, "x")), 16, 16, options);
  view.crop = {0, 0, 16, 16};
  Bytes out(image.size());
  render_view(image, 16, 16, view, 16, out);
  EXPECT_EQ(out, image);
}

Dataset birds(int threads = 1) {
  return make_synth_birds({.classes = 4,
                           .train_per_class = 6,
                           .test_per_class = 3,
                           .size = 48,
                           .first_class = 0,
                           .threads = threads});
}

TEST(Loader, SameBatchesWhateverTheWorkers) {
  const Dataset data = birds();
  Options options;
  options.get<BatchOptions>().batch_size = 5;
  options.get<InputOptions>().image_size = 24;
  std::vector<TwoViewBatch> reference;
  for (const int workers : {1, 3}) {
    TwoViewLoader loader(data.train, options, 3, 2, workers);
    ASSERT_EQ(loader.batch_count(), 4);  // 24 images: the last 4 are dropped
    std::set<std::int64_t> seen;
    for (std::int64_t b = 0; b < loader.batch_count(); ++b) {
      const TwoViewBatch batch = loader.next();
      EXPECT_EQ(batch.views[0].size(), 5U * 24 * 24 * 3);
      EXPECT_NE(batch.views[0], batch.views[1]);
      seen.insert(batch.samples.begin(), batch.samples.end());
      if (workers == 1) {
        reference.push_back(batch);
      } else {
        EXPECT_EQ(batch.samples, reference[static_cast<std::size_t>(b)].samples);
        EXPECT_EQ(batch.views, reference[static_cast<std::size_t>(b)].views);
      }
    }
    EXPECT_EQ(seen.size(), 20U);
    EXPECT_THROW(loader.next(), std::logic_error);
  }
  TwoViewLoader next_epoch(data.train, options, 3, 3, 1);
  EXPECT_NE(next_epoch.next().samples, reference[0].samples);
  // Destroying it here, with batches in flight, must not hang.
}

TEST(Loader, RanksShareEveryBatch) {
  const Dataset data = birds();
  Options options;
  options.get<BatchOptions>().batch_size = 6;
  options.get<InputOptions>().image_size = 24;
  TwoViewLoader whole(data.train, options, 3, 2, 1);
  TwoViewLoader first(data.train, options, 3, 2, 2, 0, 3);
  TwoViewLoader second(data.train, options, 3, 2, 1, 1, 3);
  TwoViewLoader third(data.train, options, 3, 2, 1, 2, 3);
  for (std::int64_t b = 0; b < whole.batch_count(); ++b) {
    const TwoViewBatch all = whole.next();
    TwoViewBatch joined{{}, {{}, {}}};
    for (auto* loader : {&first, &second, &third}) {
      ASSERT_EQ(loader->batch_count(), whole.batch_count());
      const TwoViewBatch share = loader->next();
      EXPECT_EQ(share.samples.size(), 2U);
      joined.samples.insert(joined.samples.end(), share.samples.begin(), share.samples.end());
      for (const int view : {0, 1})
        joined.views[view].insert(joined.views[view].end(), share.views[view].begin(),
                                  share.views[view].end());
    }
    EXPECT_EQ(joined.samples, all.samples);
    EXPECT_EQ(joined.views, all.views);
  }
}

TEST(Loader, AViewMayBeSharedInAnotherOrder) {
  const Dataset data = birds();
  Options options;
  options.get<BatchOptions>().batch_size = 6;
  options.get<InputOptions>().image_size = 24;
  // Backwards, from the step on which the order depends.
  const auto order = [](std::int64_t step) {
    std::vector<std::int64_t> positions(6);
    for (std::int64_t i = 0; i < 6; ++i) positions[i] = (11 - i - step % 6) % 6;
    return positions;
  };
  TwoViewLoader whole(data.train, options, 3, 2, 1);
  TwoViewLoader second(data.train, options, 3, 2, 1, 1, 2, 0, {{0}, {1, order}, {1}});
  const std::size_t image = 24 * 24 * 3;
  for (std::int64_t b = 0; b < whole.batch_count(); ++b) {
    const TwoViewBatch all = whole.next(), share = second.next();
    ASSERT_EQ(share.views.size(), 3U);
    const auto expect_image = [&](std::size_t view, std::size_t at, std::size_t of,
                                  std::int64_t position) {
      const auto from = all.views[of].begin() + position * static_cast<std::int64_t>(image);
      EXPECT_TRUE(std::equal(from, from + image, share.views[view].begin() + at * image))
          << "batch " << b << ", view " << view << ", image " << at;
    };
    const auto positions = order(2 * whole.batch_count() + b);
    for (std::size_t i = 0; i < 3; ++i) {
      expect_image(0, i, 0, static_cast<std::int64_t>(3 + i));
      expect_image(1, i, 1, positions[3 + i]);
      expect_image(2, i, 1, static_cast<std::int64_t>(3 + i));
    }
  }
}

TEST(SynthBirds, IsOneFixedSetWithExactMasks) {
  const Dataset one = birds(1);
  const Dataset three = birds(3);
  EXPECT_EQ(fingerprint(one.train), fingerprint(three.train));
  EXPECT_NE(fingerprint(one.train), fingerprint(one.test));
  EXPECT_EQ(one.train.count(), 24);
  EXPECT_EQ(one.train.masks.size(), 24U * 48 * 48);
  for (std::int64_t i = 0; i < one.train.count(); ++i) {
    double covered = 0;
    for (std::int64_t p = 0; p < 48 * 48; ++p)
      covered += one.train.masks[static_cast<std::size_t>(i * 48 * 48 + p)] / 255.0;
    EXPECT_GT(covered / (48 * 48), 0.03) << "image " << i;
    EXPECT_LT(covered / (48 * 48), 0.40) << "image " << i;
  }
  const Dataset others = make_synth_birds({.classes = 4,
                                           .train_per_class = 6,
                                           .test_per_class = 3,
                                           .size = 48,
                                           .first_class = 500,
                                           .threads = 1});
  EXPECT_NE(fingerprint(one.train), fingerprint(others.train));
}

}  // namespace
}  // namespace lcr
