#include "lcr/evaluate/projections.h"

#include <set>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/data/synth_birds.h"
#include "lcr/evaluate/principal_alignment.h"
#include "lcr/evaluate/projection_panel.h"
#include "lcr/image/image_file.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method.h"
#include "tests/support/files.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

torch::Device device() { return testing::test_device(); }

TEST(Projections, VarianceIsOverPositionsThenAveragedOverImages) {
  const Dataset data = make_synth_birds({.classes = 2,
                                         .train_per_class = 3,
                                         .test_per_class = 2,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const Options options = testing::tiny_options({{"projections", "5"}});
  const auto method = make_method(options, 0);
  method->to(device());
  const EvaluatedNetwork network{method->encoder(), method->gfb(), nullptr, options, device(), 1};
  const auto variance = projection_variance(network, data.train);
  ASSERT_EQ(variance.sizes(), std::vector<std::int64_t>{5});
  // A selected subset does not change the measurement.
  method->gfb()->select({1});
  EXPECT_TRUE(testing::agree(projection_variance(network, data.train), variance));
  // Image by image.
  torch::Tensor sum = torch::zeros({5}, torch::kDouble);
  for (std::int64_t i = 0; i < data.train.count(); ++i) {
    const std::int64_t index[] = {i};
    sum += projection_variance(network, subset(data.train, index));
  }
  EXPECT_TRUE(torch::allclose(sum / data.train.count(), variance, 1e-4, 1e-9));
}

TEST(Projections, ChoicesOfFigureB2) {
  const auto variance = torch::tensor({.1, .9, .3, .8, .2, .7, .05, .6}, torch::kDouble);
  Options options = testing::tiny_options(
      {{"projections", "8"}, {"subset", "top_variance"}, {"subset-size", "3"}});
  EXPECT_EQ(choose_projections(variance, options, 0), (std::vector<std::int64_t>{1, 3, 5}));
  options.get<SubsetOptions>().subset = "random";
  std::set<std::vector<std::int64_t>> draws;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto chosen = choose_projections(variance, options, seed);
    EXPECT_EQ(std::set<std::int64_t>(chosen.begin(), chosen.end()).size(), 3U);
    for (const auto index : chosen) EXPECT_TRUE(index != 1 && index != 3 && index != 5) << index;
    draws.insert(chosen);
  }
  EXPECT_GT(draws.size(), 3U);
  EXPECT_EQ(choose_projections(variance, options, 3), choose_projections(variance, options, 3));
}

TEST(Projections, AlignmentWithPrincipalComponents) {
  const Dataset data = make_synth_birds({.classes = 2,
                                         .train_per_class = 6,
                                         .test_per_class = 2,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const Options options = testing::tiny_options({{"projections", "4"}});
  const auto method = make_method(options, 0);
  method->to(device());
  const EvaluatedNetwork network{method->encoder(), method->gfb(), nullptr, options, device(), 1};
  // The vectors of the feature map, their covariance and its eigenvectors, by LibTorch.
  std::vector<torch::Tensor> parts;
  for_each_feature_map(network, data.train.count(), test_views(data.train, options),
                       [&](const torch::Tensor& map, std::int64_t) {
                         parts.push_back(map.permute({0, 2, 3, 1}).reshape({-1, map.size(1)}));
                       });
  const torch::Tensor vectors = torch::cat(parts).cpu().to(torch::kDouble);
  const torch::Tensor centred = vectors - vectors.mean(0);
  const torch::Tensor sigma = centred.t().mm(centred) / vectors.size(0);
  const torch::Tensor eigenvectors = std::get<1>(torch::linalg_eigh(sigma));
  const std::int64_t channels = sigma.size(0);
  const torch::Tensor components = eigenvectors.narrow(1, channels - 2, 2).t();  // the two largest
  // The first two projections span exactly those; the other two are the two smallest components.
  torch::NoGradGuard no_grad;
  torch::Tensor weight = method->gfb()->parameters()[0];
  ASSERT_EQ(weight.dim(), 4);
  const torch::Tensor mixed =
      torch::stack({components[0] + components[1], components[0] - 0.5 * components[1]});
  weight.copy_(torch::cat({mixed, eigenvectors.narrow(1, 0, 2).t()})
                   .to(torch::kFloat32)
                   .view({4, channels, 1, 1}));
  const PrincipalAlignment found = principal_alignment(network, data.train, {0, 1, 2, 3}, 2);
  EXPECT_EQ(found.channels, channels);
  ASSERT_EQ(found.angles.size(), 2U);
  EXPECT_LT(found.angles[1], 0.2);
  EXPECT_NEAR(found.top, 1, 1e-5);
  EXPECT_NEAR(found.bottom, 0, 1e-5);
  EXPECT_DOUBLE_EQ(found.chance, 2.0 / static_cast<double>(channels));
  const double share =
      (std::get<0>(torch::linalg_eigh(sigma)).narrow(0, channels - 2, 2).sum() / sigma.trace())
          .item<double>();
  EXPECT_NEAR(found.captured_principal, share, 1e-5);
  EXPECT_NEAR(found.captured_top, share, 1e-5);
  EXPECT_LT(found.captured_bottom, 1e-3);
  // In the opposite order they are as far apart as possible.
  EXPECT_GT(principal_alignment(network, data.train, {2, 3, 0, 1}, 2).angles[0], 89.8);
}

TEST(Projections, PanelOfHeatMaps) {
  const Dataset data = make_synth_birds({.classes = 2,
                                         .train_per_class = 1,
                                         .test_per_class = 3,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const testing::TemporaryFolder folder;
  // A row of images, then one row per map: up to three of the highest and of the lowest variance.
  for (const auto& [projections, maps] :
       {std::pair("1", 1), std::pair("3", 2), std::pair("8", 6)}) {
    const Options options = testing::tiny_options({{"projections", projections}});
    const auto method = make_method(options, 0);
    method->to(device());
    const EvaluatedNetwork network{method->encoder(), method->gfb(), nullptr, options, device(), 1};
    const auto variance = projection_variance(network, data.test);
    const auto ranked = rank_projections(variance);
    for (std::size_t i = 1; i < ranked.size(); ++i)
      EXPECT_GE(variance[ranked[i - 1]].item<double>(), variance[ranked[i]].item<double>());
    const auto draw = [&](const char* name) {
      draw_projection_panel(network, data.test, ranked, variance, 4, 0, folder / name);
      return read_image(folder / name);
    };
    const RgbImage image = draw("a.png");
    EXPECT_EQ(image.height, 22 + (1 + maps) * 116);
    EXPECT_EQ(image.width, 150 + 4 * 116 + 70);
    EXPECT_EQ(draw("b.png").pixels, image.pixels) << "the same from the same seed";
  }
}

}  // namespace
}  // namespace lcr
