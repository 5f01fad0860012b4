// Supervised pre-training and its data.
#include "lcr/method/supervised.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/data/synth_birds.h"
#include "lcr/train/trainer.h"
#include "lcr/train/training_options.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

TEST(Supervised, LossIsTheCrossEntropyOfTheLabels) {
  const Options options = testing::tiny_options({{"method", "supervised"}});
  Supervised method(options, 0, 4);
  method.to(testing::test_device());
  const auto views = testing::tiny_batch("x").to(testing::test_device());
  EXPECT_THROW(method.step({{views}, {}, 0}), std::logic_error) << "without labels";
  const auto labels = torch::tensor({0, 1, 2, 3, 0, 1}, torch::kLong);
  method.eval();  // so that a second pass uses the same statistics
  const auto loss = method.step({{views}, labels, 0}).total;
  const auto weight = method.named_parameters()["classifier.weight"];
  const auto bias = method.named_parameters()["classifier.bias"];
  const auto logits = method.encoder()->feature_map(views).mean({2, 3}).mm(weight.t()) + bias;
  EXPECT_NEAR(loss.item<double>(),
              -logits.log_softmax(1)
                   .gather(1, labels.to(logits.device()).unsqueeze(1))
                   .mean()
                   .item<double>(),
              1e-5);
  loss.backward();
  for (const auto& parameter : method.trained_parameters()) EXPECT_TRUE(parameter.grad().defined());
  EXPECT_FALSE(method.named_parameters()["query.head.0.weight"].grad().defined())
      << "the projection head does not contribute";
  EXPECT_EQ(method.host(), nullptr) << "it has no self-supervised objective";
}

TEST(Supervised, TheTrainerGivesItLabelsAndItLearns) {
  const Dataset data = make_synth_birds({.classes = 3,
                                         .train_per_class = 16,
                                         .test_per_class = 2,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const Options options = testing::tiny_options({{"method", "supervised"},
                                                 {"epochs", "12"},
                                                 {"schedule", "step"},
                                                 {"lr", "0.05"},
                                                 {"jitter-probability", "0"},
                                                 {"gray-probability", "0"},
                                                 {"blur-probability", "0"}});
  Trainer trainer(make_method(options, 0, 3), options, data.train, 0, testing::test_device(), 1);
  double first = 0, last = 0;
  for (std::int64_t epoch = 0; epoch < options.get<TrainingOptions>().epochs; ++epoch) {
    last = trainer
               .run_epoch(
                   epoch, [](std::int64_t, double) {}, 100)
               .loss();
    if (epoch == 0) first = last;
  }
  EXPECT_LT(last, 0.8 * first);
}

TEST(SynthBirdsStandin, HoldsOtherSpeciesAndEveryDistractor) {
  const Dataset one = make_synth_birds_standin(24, 3, 1);
  const Dataset two = make_synth_birds_standin(24, 3, 2);
  EXPECT_EQ(one.train.class_count, 80);
  EXPECT_EQ(one.train.count(), 240);
  EXPECT_EQ(one.test.count(), 160);
  EXPECT_EQ(fingerprint(one.train), fingerprint(two.train))
      << "the number of threads does not matter";
  EXPECT_NE(fingerprint(one.train), fingerprint(one.test));
  EXPECT_TRUE(one.train.masks.empty());
  // Images of one class differ, and so do those of a bird and of an object.
  EXPECT_FALSE(std::equal(one.train.image(0).pixels.begin(), one.train.image(0).pixels.end(),
                          one.train.image(1).pixels.begin()));
  EXPECT_FALSE(std::equal(one.train.image(0).pixels.begin(), one.train.image(0).pixels.end(),
                          one.train.image(239).pixels.begin()));
}

}  // namespace
}  // namespace lcr
