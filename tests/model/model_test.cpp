#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/model/encoder.h"
#include "lcr/model/gfb.h"
#include "lcr/model/initialise.h"
#include "lcr/model/input.h"
#include "lcr/model/precision.h"
#include "lcr/model/resnet.h"
#include "tests/support/files.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

struct Shape {
  const char *arch, *stem;
  std::int64_t input, channels, side;
  std::int64_t parameters;  // torchvision's count without fc; 0: not in torchvision
};

void PrintTo(const Shape& s, std::ostream* out) { *out << s.arch; }

class BackboneShapes : public ::testing::TestWithParam<Shape> {};

TEST_P(BackboneShapes, MapAndParameterCount) {
  const Shape& s = GetParam();
  ResNet net(BackboneOptions{.arch = s.arch, .stem = s.stem, .width = 32});
  net->eval();
  const torch::NoGradGuard no_grad;
  const auto map = net(torch::zeros({1, 3, s.input, s.input}));
  EXPECT_EQ(map.sizes(), (std::vector<std::int64_t>{1, s.channels, s.side, s.side}));
  EXPECT_EQ(net->channels(), s.channels);
  std::int64_t count = 0;
  for (const auto& parameter : net->parameters()) count += parameter.numel();
  if (s.parameters > 0) EXPECT_EQ(count, s.parameters);
}

INSTANTIATE_TEST_SUITE_P(All, BackboneShapes,
                         ::testing::Values(Shape{"resnet18", "imagenet", 224, 512, 7, 11176512},
                                           Shape{"resnet34", "imagenet", 64, 512, 2, 21284672},
                                           Shape{"resnet50", "imagenet", 224, 2048, 7, 23508032},
                                           Shape{"resnet101", "imagenet", 64, 2048, 2, 42500160},
                                           Shape{"resnet50_c4", "imagenet", 224, 1024, 14, 8543296},
                                           Shape{"resnet18", "cifar", 32, 512, 4, 11168832},
                                           Shape{"narrow", "imagenet", 48, 256, 6, 0},
                                           Shape{"narrow", "imagenet", 28, 256, 4, 0}),
                         [](const auto& p) {
                           return std::string(p.param.arch) + "_" + p.param.stem + "_" +
                                  std::to_string(p.param.input);
                         });

TEST(Backbone, NamesAreTorchvisions) {
  ResNet net(BackboneOptions{.arch = "resnet50"});
  const auto parameters = net->named_parameters();
  for (const char* name :
       {"conv1.weight", "bn1.bias", "layer1.0.downsample.0.weight", "layer1.0.downsample.1.weight",
        "layer3.5.conv3.weight", "layer4.2.bn3.bias"})
    EXPECT_TRUE(parameters.contains(name)) << name;
  EXPECT_FALSE(parameters.contains("layer1.1.downsample.0.weight"));
  const auto buffers = net->named_buffers();
  for (const char* name : {"bn1.running_mean", "layer4.0.downsample.1.running_var",
                           "layer2.3.bn2.num_batches_tracked"})
    EXPECT_TRUE(buffers.contains(name)) << name;
}

TEST(Initialise, DependsOnSeedAndNameAlone) {
  const auto make = [](std::uint64_t seed) {
    ResNet net(BackboneOptions{.arch = "narrow", .width = 4});
    initialise(*net, InitScheme::kResNet, seed, "backbone");
    return net->named_parameters();
  };
  const auto a = make(1);
  const auto b = make(1);
  const auto c = make(2);
  for (const auto& item : a) {
    EXPECT_TRUE(item.value().equal(b[item.key()])) << item.key();
    if (item.value().dim() > 1) EXPECT_FALSE(item.value().equal(c[item.key()])) << item.key();
  }
  const auto big = random_normal({64, 64, 3, 3}, 0, "moments");
  EXPECT_NEAR(big.mean().item<double>(), 0, 0.02);
  EXPECT_NEAR(big.std().item<double>(), 1, 0.02);
}

TEST(SplitBatchNorm, OneGroupIsTorchs) {
  SplitBatchNorm ours(4);
  torch::nn::BatchNorm2d theirs(4);
  const auto x = random_normal({6, 4, 3, 3}, 0, "x");
  EXPECT_TRUE(torch::allclose(ours(x), theirs(x)));
  EXPECT_TRUE(torch::allclose(ours->named_buffers()["running_var"], theirs->running_var));
  ours->eval();
  theirs->eval();
  EXPECT_TRUE(torch::allclose(ours(x), theirs(x)));
}

TEST(SplitBatchNorm, GroupsAreNormalisedApartAndStatisticsAveraged) {
  SplitBatchNorm split(4);
  split->groups = 2;
  SplitBatchNorm first(4), second(4);
  const auto x = random_normal({6, 4, 3, 3}, 0, "x");
  const auto y = split(x);
  EXPECT_TRUE(torch::allclose(y.narrow(0, 0, 3), first(x.narrow(0, 0, 3))));
  EXPECT_TRUE(torch::allclose(y.narrow(0, 3, 3), second(x.narrow(0, 3, 3))));
  for (const char* name : {"running_mean", "running_var"})
    EXPECT_TRUE(torch::allclose(split->named_buffers()[name],
                                (first->named_buffers()[name] + second->named_buffers()[name]) / 2))
        << name;
}

TEST(Gfb, IsTheMaximumOverRectifiedProjections) {
  GradCamFittingBranch gfb(8, GfbOptions{"max_projections", 5});
  initialise(*gfb, InitScheme::kDefault, 0, "gfb");
  const auto map = random_normal({2, 8, 3, 4}, 0, "map");
  const auto all = gfb->projections(map);
  const auto mask = gfb(map);
  ASSERT_EQ(all.sizes(), (std::vector<std::int64_t>{2, 5, 3, 4}));
  ASSERT_EQ(mask.sizes(), (std::vector<std::int64_t>{2, 3, 4}));
  EXPECT_TRUE(mask.equal(all.amax(1)));
  EXPECT_GE(mask.min().item<float>(), 0);
  gfb->select({4, 1});
  EXPECT_TRUE(gfb(map).equal(gfb->projections(map).index_select(1, torch::tensor({1, 4})).amax(1)));
  testing::expect_user_error([&] { gfb->select({5}); }, "5");
  testing::expect_user_error([&] { gfb->select({1, 1}); }, "twice");
}

TEST(Gfb, ARepeatedProjectionChangesNothing) {
  GradCamFittingBranch one(8, GfbOptions{"max_projections", 3});
  GradCamFittingBranch more(8, GfbOptions{"max_projections", 4});
  initialise(*one, InitScheme::kDefault, 0, "gfb");
  {
    const torch::NoGradGuard no_grad;
    const torch::Tensor weight = one->named_parameters()["conv.weight"];
    more->named_parameters()["conv.weight"].copy_(torch::cat({weight, weight.narrow(0, 1, 1)}));
  }
  const auto map = random_normal({2, 8, 3, 3}, 0, "map");
  EXPECT_TRUE(torch::allclose(one(map), more(map)));
}

TEST(Gfb, StructuresDiffer) {
  GradCamFittingBranch mlp(8, GfbOptions{"mlp", 32});
  GradCamFittingBranch random(8, GfbOptions{"random", 3});
  const auto map = random_normal({2, 8, 3, 3}, 0, "map");
  EXPECT_EQ(mlp(map).sizes(), (std::vector<std::int64_t>{2, 3, 3}));
  EXPECT_EQ(mlp->projections(map).size(1), 1);
  EXPECT_FALSE(random->trainable());
  for (const auto& parameter : random->parameters()) EXPECT_FALSE(parameter.requires_grad());
}

TEST(NormaliseMask, PerImageAndPerBatch) {
  const auto mask = random_normal({3, 2, 2}, 0, "mask").abs();
  const auto image = normalise_mask(mask, "image");
  const auto batch = normalise_mask(mask, "batch");
  EXPECT_TRUE(torch::allclose(image.amin({1, 2}), torch::zeros(3)));
  EXPECT_TRUE(torch::allclose(image.amax({1, 2}), torch::ones(3), 1e-4, 1e-5));
  EXPECT_NEAR(batch.min().item<float>(), 0, 1e-6);
  EXPECT_NEAR(batch.max().item<float>(), 1, 1e-5);
  EXPECT_TRUE(normalise_mask(mask, "none").equal(mask));
  // One more image in the batch changes the others' per-batch masks, not their per-image masks.
  const auto more = torch::cat({mask, 10 + torch::ones({1, 2, 2})});
  EXPECT_TRUE(normalise_mask(more, "image").narrow(0, 0, 3).equal(image));
  EXPECT_FALSE(torch::allclose(normalise_mask(more, "batch").narrow(0, 0, 3), batch));
}

TEST(Encoder, EmbeddingsHaveUnitLengthAndBfloat16StaysInside) {
  for (const bool bfloat16 : {false, true}) {
    Encoder encoder(EncoderOptions{
        .backbone = std::make_shared<ResNetImpl>(BackboneOptions{.arch = "narrow", .width = 4}),
        .embedding_dim = 5,
        .bfloat16 = bfloat16});
    const auto out = encoder(testing::tiny_batch("x"));
    EXPECT_EQ(out.feature_map.scalar_type(), torch::kFloat32);
    EXPECT_EQ(out.embedding.scalar_type(), torch::kFloat32);
    EXPECT_TRUE(torch::allclose(out.embedding.norm(2, 1), torch::ones(6)));
  }
}

TEST(Encoder, Bfloat16IsCloseToFloat32) {
  Encoder full(EncoderOptions{
      .backbone = std::make_shared<ResNetImpl>(BackboneOptions{.arch = "narrow", .width = 8})});
  Encoder half(EncoderOptions{
      .backbone = std::make_shared<ResNetImpl>(BackboneOptions{.arch = "narrow", .width = 8}),
      .bfloat16 = true});
  for (auto* encoder : {&full, &half}) initialise(**encoder, InitScheme::kResNet, 0, "net");
  const auto x = testing::tiny_batch("x");
  const auto a = full(x).feature_map;
  const auto b = half(x).feature_map;
  EXPECT_LT((a - b).norm().item<double>(), 0.03 * a.norm().item<double>());
  EXPECT_FALSE(a.equal(b)) << "autocast had no effect";
}

TEST(Input, NormalisesAsTorchvision) {
  const std::vector<std::uint8_t> image = {255, 0, 128, 10, 20, 30, 1, 2, 3, 4, 5, 6};
  const auto x = to_input(image, 1, 2, torch::kCPU);
  ASSERT_EQ(x.sizes(), (std::vector<std::int64_t>{1, 3, 2, 2}));
  EXPECT_TRUE(x.is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_NEAR(x[0][0][0][0].item<float>(), (1.0 - 0.485) / 0.229, 1e-5);
  EXPECT_NEAR(x[0][2][0][1].item<float>(), (30 / 255.0 - 0.406) / 0.225, 1e-5);
}

TEST(Precision, ExplicitValuesStay) {
  EXPECT_EQ(resolve_precision("float32", torch::kCPU), "float32");
  EXPECT_EQ(resolve_precision("bfloat16", torch::kCPU), "bfloat16");
  EXPECT_EQ(resolve_precision("auto", torch::Device(torch::kCUDA, 0)), "bfloat16");
  const auto cpu = resolve_precision("auto", torch::kCPU);
  EXPECT_TRUE(cpu == "float32" || cpu == "bfloat16");
}

}  // namespace
}  // namespace lcr
