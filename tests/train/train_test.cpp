#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "lcr/data/synth_birds.h"
#include "lcr/train/sgd.h"
#include "lcr/train/schedule.h"
#include "lcr/train/trainer.h"
#include "support/files.h"
#include "support/networks.h"

namespace lcr {
namespace {

TEST(Sgd, IsTorchs) {
  const auto start = random_normal({7, 3}, 0, "p");
  auto ours = start.clone().requires_grad_(true), theirs = start.clone().requires_grad_(true);
  Sgd sgd({ours}, 0.9, 0.01);
  torch::optim::SGD reference({theirs}, torch::optim::SGDOptions(0.1).momentum(0.9).weight_decay(0.01));
  for (int i = 0; i < 5; ++i) {
    const auto target = random_normal({7, 3}, 0, std::to_string(i));
    sgd.zero_grad();
    reference.zero_grad();
    (ours - target).pow(2).sum().backward();
    (theirs - target).pow(2).sum().backward();
    sgd.step(0.1);
    reference.step();
    EXPECT_TRUE(torch::allclose(ours, theirs, 1e-6, 1e-6)) << i;
  }
}

TEST(Sgd, LeavesParametersWithoutGradientAlone) {
  auto used = torch::ones({2}).requires_grad_(true), unused = torch::ones({2}).requires_grad_(true);
  Sgd sgd({used, unused}, 0.9, 0.1);
  used.sum().backward();
  sgd.step(0.1);
  EXPECT_TRUE(unused.equal(torch::ones({2})));
  EXPECT_FALSE(used.equal(torch::ones({2})));
}

TEST(LearningRate, CosineByEpochAndByStepAfterAWarmUp) {
  Options options;
  options.lr = 0.03;
  options.epochs = 100;
  EXPECT_DOUBLE_EQ(learning_rate(options, 0, 7), 0.03);
  EXPECT_DOUBLE_EQ(learning_rate(options, 6, 7), 0.03) << "the same all through an epoch";
  EXPECT_NEAR(learning_rate(options, 350, 7), 0.015, 1e-12);
  EXPECT_NEAR(learning_rate(options, 699, 7), 7.4e-6, 1e-7);
  options.schedule = "step";
  EXPECT_NEAR(learning_rate(options, 175, 7), 0.015 * (1 + std::sqrt(0.5)), 1e-12);
  options.warmup_epochs = 2;
  EXPECT_NEAR(learning_rate(options, 0, 7), 0.03 / 14, 1e-12);
  EXPECT_NEAR(learning_rate(options, 13, 7), 0.03, 1e-12);
  EXPECT_NEAR(learning_rate(options, 14, 7), 0.03, 1e-12);
  EXPECT_NEAR(learning_rate(options, 14 + 343, 7), 0.015, 1e-12);
}

TEST(Trainer, EpochsAreReproducibleAndLimited) {
  const Dataset data = make_synth_birds({.classes = 3, .train_per_class = 7, .test_per_class = 2, .size = 24, .first_class = 0, .threads = 1});
  const Options options = testing::tiny_options({{"epochs", "2"}, {"lr", "0.02"}});
  std::vector<double> losses;
  for (int repeat = 0; repeat < 2; ++repeat) {
    Trainer trainer(make_method(options, 5), options, data.train, 5, torch::kCPU, 1);
    EXPECT_EQ(trainer.steps_per_epoch(), 3);
    std::int64_t told = 0;
    const auto observe = [&](std::int64_t done, double) { told = done; };
    const EpochLog first = trainer.run_epoch(0, observe, 100);
    EXPECT_EQ(first.steps, 3);
    EXPECT_EQ(told, 3);
    const EpochLog second = trainer.run_epoch(1, observe, 2);
    EXPECT_EQ(second.steps, 2);
    EXPECT_EQ(told, 5);
    EXPECT_DOUBLE_EQ(second.lr, 0.01);
    losses.push_back(first.loss);
    losses.push_back(second.loss);
  }
  EXPECT_EQ(losses[0], losses[2]);
  EXPECT_EQ(losses[1], losses[3]);
}

TEST(Trainer, RefusesTooFewImagesAndStopsOnANonFiniteLoss) {
  const Dataset data = make_synth_birds({.classes = 2, .train_per_class = 3, .test_per_class = 2, .size = 24, .first_class = 0, .threads = 1});
  const Options big = testing::tiny_options({{"batch-size", "12"}});
  testing::expect_user_error([&] { Trainer(make_method(big, 0), big, data.train, 0, torch::kCPU, 1); }, "fewer than one batch");
  const Options options = testing::tiny_options({{"lr", "1000"}, {"weight-decay", "1"}});
  const auto method = make_method(options, 0);
  {
    const torch::NoGradGuard no_grad;
    method->parameters()[0].fill_(std::numeric_limits<float>::quiet_NaN());
  }
  Trainer trainer(method, options, data.train, 0, torch::kCPU, 1);
  testing::expect_user_error([&] { trainer.run_epoch(0, [](std::int64_t, double) {}, 100); }, "nan", "step 1");
}

}  // namespace
}  // namespace lcr
