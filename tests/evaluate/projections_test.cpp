#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>

#include "lcr/data/synth_birds.h"
#include "lcr/evaluate/projections.h"
#include "lcr/method/method.h"
#include "support/networks.h"

namespace lcr {
namespace {

TEST(Projections, VarianceIsOverPositionsThenAveragedOverImages) {
  const Dataset data = make_synth_birds({.classes = 2, .train_per_class = 3, .test_per_class = 2, .size = 24, .first_class = 0, .threads = 1});
  const Options options = testing::tiny_options({{"projections", "5"}});
  const auto method = make_method(options, 0);
  const auto variance = projection_variance(method->encoder(), method->gfb(), data.train, options, torch::kCPU, 1);
  ASSERT_EQ(variance.sizes(), std::vector<std::int64_t>{5});
  // Subsets do not change what is measured.
  method->gfb()->select({1});
  EXPECT_TRUE(projection_variance(method->encoder(), method->gfb(), data.train, options, torch::kCPU, 1).equal(variance));
  // Image by image.
  torch::Tensor sum = torch::zeros({5}, torch::kDouble);
  for (std::int64_t i = 0; i < data.train.count(); ++i) {
    const std::int64_t index[] = {i};
    sum += projection_variance(method->encoder(), method->gfb(), subset(data.train, index), options, torch::kCPU, 1);
  }
  EXPECT_TRUE(torch::allclose(sum / data.train.count(), variance, 1e-4, 1e-9));
}

TEST(Projections, ChoicesOfFigureB2) {
  const auto variance = torch::tensor({.1, .9, .3, .8, .2, .7, .05, .6}, torch::kDouble);
  Options options = testing::tiny_options({{"projections", "8"}, {"subset", "top_variance"}, {"subset-size", "3"}});
  EXPECT_EQ(choose_projections(variance, options, 0), (std::vector<std::int64_t>{1, 3, 5}));
  options.subset = "random";
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

}  // namespace
}  // namespace lcr
