// Localisation, masks without learning and the regions that judge them, on cases small enough to
// work out by hand.
#include "lcr/evaluate/localisation.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/data/object_region.h"
#include "lcr/data/synth_birds.h"
#include "lcr/evaluate/activation_mask.h"
#include "lcr/evaluate/features.h"
#include "lcr/evaluate/poolings.h"
#include "lcr/method/gradcam.h"
#include "tests/support/files.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

torch::Tensor region_of(std::initializer_list<int> cells, std::int64_t side) {
  torch::Tensor region = torch::zeros({1, side, side}, torch::kUInt8);
  for (const int cell : cells) region.view({-1})[cell] = 1;
  return region;
}

TEST(Localisation, WorkedCases) {
  // A 2 x 2 view; the map has its size, so nothing is interpolated. The object is the upper row.
  Localisation one;
  one.add(torch::tensor({{{0.5F, 0.25F}, {0.25F, 0.0F}}}), region_of({0, 1}, 2));
  const auto scores = one.scores();
  EXPECT_DOUBLE_EQ(scores.pointing, 100);
  EXPECT_DOUBLE_EQ(scores.mass, 75);
  EXPECT_DOUBLE_EQ(scores.area, 50);
  // Scaled: 1, .5, .5, 0. From .51 on only the first cell: 1 of 2. Up to .5 three cells: 2 of 3.
  EXPECT_NEAR(scores.iou, 200.0 / 3, 1e-9);
  EXPECT_GT(scores.threshold, 0);
  EXPECT_LE(scores.threshold, 0.5);

  // Two equal maxima, one of them on the object.
  Localisation tie;
  tie.add(torch::tensor({{{1.0F, 0.0F}, {1.0F, 0.0F}}}), region_of({0}, 2));
  EXPECT_DOUBLE_EQ(tie.scores().pointing, 50);
  EXPECT_DOUBLE_EQ(tie.scores().iou, 50);

  // A constant map scores the object's share of the view.
  for (const float value : {0.0F, 3.0F}) {
    Localisation flat;
    flat.add(torch::full({1, 2, 2}, value), region_of({3}, 2));
    EXPECT_DOUBLE_EQ(flat.scores().pointing, 25);
    EXPECT_DOUBLE_EQ(flat.scores().mass, 25);
    EXPECT_DOUBLE_EQ(flat.scores().iou, 25);
    EXPECT_DOUBLE_EQ(flat.scores().threshold, 0);
  }
}

TEST(Localisation, OneThresholdForAllImagesAndBatchesAddUp) {
  const auto maps = torch::tensor({{{1.0F, 0.4F}, {0.0F, 0.0F}}, {{1.0F, 0.8F}, {0.8F, 0.0F}}});
  const auto regions = torch::cat({region_of({0, 1}, 2), region_of({0}, 2)});
  Localisation together, apart;
  together.add(maps, regions);
  apart.add(maps.narrow(0, 0, 1), regions.narrow(0, 0, 1));
  apart.add(maps.narrow(0, 1, 1), regions.narrow(0, 1, 1));
  // IoU up to .4: 1 and 1/3. Above .8: 1/2 and 1. The second threshold is better on average, though
  // the first is better for one image.
  EXPECT_DOUBLE_EQ(together.scores().iou, 75);
  EXPECT_GT(together.scores().threshold, 0.8);
  EXPECT_EQ(together.scores().iou, apart.scores().iou);
  EXPECT_EQ(together.scores().mass, apart.scores().mass);
}

TEST(Localisation, ObjectsOutOfSightAreCountedAndBadMapsRefused) {
  Localisation some;
  some.add(torch::rand({2, 3, 3}), torch::cat({region_of({}, 6), region_of({0}, 6)}));
  EXPECT_EQ(some.scores().images, 1);
  EXPECT_EQ(some.scores().cut_off, 1);
  Localisation none;
  none.add(torch::rand({1, 3, 3}), region_of({}, 6));
  testing::expect_user_error([&] { none.scores(); }, "none of the 1 views");
  testing::expect_user_error(
      [&] {
        none.add(torch::rand({1, 3, 3}) / 0, region_of({0}, 6));
      },
      "NaN");
}

TEST(ActivationMask, KeepsTheLargestConnectedPartAboveTheMean) {
  // Two parts above the mean: three cells joined by a corner, and a single brighter one.
  const auto map = torch::tensor(
      {{{5.0F, 0.0F, 0.0F, 9.0F}, {0.0F, 5.0F, 0.0F, 0.0F}, {0.0F, 0.0F, 5.0F, 0.0F}}});
  // The mask sums the channels.
  const auto mask = activation_mask(torch::stack({map * 0.25, map * 0.75}, 1));
  const auto expected = torch::tensor(
      {{{1.0F, 0.0F, 0.0F, 0.0F}, {0.0F, 1.0F, 0.0F, 0.0F}, {0.0F, 0.0F, 1.0F, 0.0F}}});
  EXPECT_TRUE(mask.equal(expected)) << mask;
  EXPECT_TRUE(activation_mask(torch::ones({1, 3, 2, 2})).equal(torch::ones({1, 2, 2})))
      << "no position is above the mean: all count";
}

TEST(ObjectRegion, FollowsTheTestTransform) {
  const Dataset birds = make_synth_birds({.classes = 2,
                                          .train_per_class = 1,
                                          .test_per_class = 2,
                                          .size = 24,
                                          .first_class = 0,
                                          .threads = 1});
  // At their own size masks do not change.
  const auto same = object_region(birds.test, 1, {.size = 24});
  for (std::size_t p = 0; p < same.size(); ++p)
    ASSERT_EQ(same[p], birds.test.masks[24 * 24 + p] >= 128) << p;
  EXPECT_EQ(object_ground_truth(birds.test), "mask");

  // A box in a 40 x 20 image (width x height): short side to 10 makes it 20 x 10, the centre crop
  // of 10 begins at x = 5.
  ImageSet boxed;
  boxed.height = 20;
  boxed.width = 40;
  boxed.pixels.resize(20 * 40 * 3);
  boxed.labels = {0};
  boxed.boxes = {{0.4F, 0.1F, 0.5F, 0.6F}};
  EXPECT_EQ(object_ground_truth(boxed), "box");
  const auto region = object_region(boxed, 0, {.resize = 10, .size = 10});
  for (std::int64_t y = 0; y < 10; ++y)
    for (std::int64_t x = 0; x < 10; ++x)
      EXPECT_EQ(region[static_cast<std::size_t>(y * 10 + x)], x >= 3 && x < 5 && y >= 1 && y < 6)
          << x << "," << y;
  boxed.boxes = {{0.0F, 0.0F, 0.2F, 1.0F}};
  const auto cut_off = object_region(boxed, 0, {.resize = 10, .size = 10});
  EXPECT_EQ(std::count(cut_off.begin(), cut_off.end(), 1), 0);
  boxed.boxes.clear();
  EXPECT_EQ(object_ground_truth(boxed), "");
}

TEST(Features, MasksWithoutLearningPoolByTheirDefinitions) {
  const Dataset data = make_synth_birds({.classes = 2,
                                         .train_per_class = 1,
                                         .test_per_class = 3,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const Options options = testing::tiny_options();
  const torch::Device device = testing::test_device();
  const auto method = make_method(options, 0);
  method->to(device);
  GradCamFittingBranch random(method->encoder()->backbone()->channels(),
                              GfbOptions{.structure = "random", .projections = 4});
  initialise(*random, InitScheme::kDefault, 0, "random gfb");
  random->to(device);
  const EvaluatedNetwork network{method->encoder(), method->gfb(), random, options, device, 1};
  EXPECT_EQ(
      available_poolings(network, data.test),
      (std::vector<std::string>{"average", "attention", "activation", "random_gfb", "oracle"}));
  auto features = extract_features(network, data.test, test_views(data.test, options),
                                   {"activation", "random_gfb", "oracle"});
  for_each_feature_map(
      network, data.test.count(), test_views(data.test, options),
      [&](const torch::Tensor& map, std::int64_t start) {
        EXPECT_EQ(start, 0);
        const auto pooled = [&](const torch::Tensor& mask) {
          const torch::Tensor mean = (map * mask.unsqueeze(1)).mean({2, 3});
          return mean / mean.norm(2, 1, true);
        };
        EXPECT_TRUE(
            torch::allclose(features["activation"], pooled(activation_mask(map)), 1e-5, 1e-6));
        EXPECT_TRUE(torch::allclose(features["random_gfb"],
                                    pooled(normalise_mask(random(map), "image")), 1e-5, 1e-6));
        for (std::int64_t i = 0; i < data.test.count(); ++i) {
          // Each position of the 3 x 3 map stands for 8 x 8 pixels.
          torch::Tensor weighted = torch::zeros({map.size(1)}, device);
          const auto region = object_region(data.test, i, {.size = 24});
          for (std::int64_t y = 0; y < 3; ++y)
            for (std::int64_t x = 0; x < 3; ++x) {
              int covered = 0;
              for (std::int64_t p = 0; p < 64; ++p)
                covered += region[static_cast<std::size_t>((y * 8 + p / 8) * 24 + x * 8 + p % 8)];
              weighted += map[i].select(1, y).select(1, x) * (covered / 64.0);
            }
          EXPECT_TRUE(
              torch::allclose(features["oracle"][i], weighted / weighted.norm(), 1e-4, 1e-5))
              << i;
        }
      });
}

TEST(ObjectiveCam, SourcesAreThoseOfTraining) {
  const Options options = testing::tiny_options({{"method", "moco_v2"}});
  const torch::Device device = testing::test_device();
  const auto method = make_method(options, 0);
  method->to(device);
  method->eval();
  const Batch batch{
      {testing::tiny_batch("q").to(device), testing::tiny_batch("k").to(device)}, {}, 0};
  const auto loss = objective_cam(*method->host(), batch, "loss");
  const auto positive = objective_cam(*method->host(), batch, "positive_logit");
  EXPECT_EQ(loss.sizes(), (std::vector<std::int64_t>{6, 3, 3}));
  EXPECT_GE(loss.min().item<float>(), 0);
  EXPECT_GT(loss.max().item<float>(), 0);
  EXPECT_GT(positive.max().item<float>(), 0);
  // They differ: where the positive logit grows with the features, the loss falls.
  EXPECT_LT((loss / loss.norm() * (positive / positive.norm())).sum().item<float>(), 0.5F);
  EXPECT_TRUE(testing::agree(objective_cam(*method->host(), batch, "loss"), loss))
      << "nothing is updated";
}

}  // namespace
}  // namespace lcr
