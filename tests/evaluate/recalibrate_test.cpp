#include "lcr/evaluate/recalibrate.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/data/synth_birds.h"
#include "lcr/method/method.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

torch::Tensor buffer(torch::nn::Module& module, const std::string& ending) {
  for (const auto& entry : module.named_buffers())
    if (entry.key().ends_with(ending)) return entry.value();
  throw std::logic_error("no buffer " + ending);
}

TEST(Recalibrate, StatisticsAreThoseOfTheCleanTrainingImages) {
  const Dataset data = make_synth_birds({.classes = 3,
                                         .train_per_class = 7,
                                         .test_per_class = 2,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const Options options = testing::tiny_options();
  const torch::Device device = testing::test_device();
  const auto method = make_method(options, 0);
  method->to(device);
  for (int i = 0; i < 3; ++i)
    method->step(
        {{testing::tiny_batch("q").to(device), testing::tiny_batch("k").to(device)}, {}, i});
  GradCamFittingBranch random(method->encoder()->backbone()->channels(),
                              GfbOptions{.structure = "random", .projections = 4});
  initialise(*random, InitScheme::kDefault, 0, "random gfb");
  random->to(device);
  const EvaluatedNetwork network{method->encoder(), method->gfb(), random, options, device, 1};

  // The first convolution sees the images themselves, so the statistics of its batch norm can be
  // computed directly.
  const torch::NoGradGuard no_grad;
  const torch::Tensor images =
      render_batch(test_views(data.train, options), 0, data.train.count(), network);
  torch::Tensor weight;
  for (const auto& entry : method->encoder()->named_parameters())
    if (entry.key() == "backbone.conv1.weight") weight = entry.value();
  ASSERT_TRUE(weight.defined());
  const torch::Tensor activations = torch::conv2d(images, weight, {}, 2, weight.size(2) / 2);
  const torch::Tensor before = method->encoder()->named_parameters()["head.0.weight"].clone();
  const torch::Tensor conv_before = weight.clone();
  recalibrate_batch_norm(network, data.train, 0);
  EXPECT_TRUE(torch::allclose(buffer(*method->encoder(), "bn1.running_mean"),
                              activations.mean({0, 2, 3}), 1e-3, 1e-4));
  EXPECT_TRUE(torch::allclose(buffer(*method->encoder(), "bn1.running_var"),
                              activations.transpose(0, 1).flatten(1).var(1, true), 1e-3, 1e-4));
  EXPECT_TRUE(method->encoder()->named_parameters()["head.0.weight"].equal(before));
  EXPECT_TRUE(weight.equal(conv_before)) << "weights stay";
  // One batch holds all images: normalising in evaluation then equals normalising by the batch,
  // except for the variance's n - 1.
  const auto statistics = buffer(*random, "running_mean").clone();
  recalibrate_batch_norm(network, data.train, 1);
  EXPECT_TRUE(torch::allclose(buffer(*random, "running_mean"), statistics, 1e-4, 1e-5))
      << "the order does not matter within one batch";
}

TEST(Recalibrate, TheRandomBranchAloneLeavesTheNetworkAsItIs) {
  const Dataset data = make_synth_birds({.classes = 2,
                                         .train_per_class = 4,
                                         .test_per_class = 2,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const Options options = testing::tiny_options();
  const torch::Device device = testing::test_device();
  const auto method = make_method(options, 0);
  method->to(device);
  method->step({{testing::tiny_batch("q").to(device), testing::tiny_batch("k").to(device)}, {}, 0});
  GradCamFittingBranch random(method->encoder()->backbone()->channels(),
                              GfbOptions{.structure = "random", .projections = 4});
  initialise(*random, InitScheme::kDefault, 0, "random gfb");
  random->to(device);
  const auto encoder_before = buffer(*method->encoder(), "bn1.running_mean").clone();
  const auto gfb_before = buffer(*method->gfb(), "running_mean").clone();
  const auto random_before = buffer(*random, "running_mean").clone();
  calibrate_random_gfb({method->encoder(), method->gfb(), random, options, device, 1}, data.train,
                       0);
  EXPECT_TRUE(buffer(*method->encoder(), "bn1.running_mean").equal(encoder_before));
  EXPECT_TRUE(buffer(*method->gfb(), "running_mean").equal(gfb_before));
  EXPECT_FALSE(buffer(*random, "running_mean").equal(random_before));
}

}  // namespace
}  // namespace lcr
