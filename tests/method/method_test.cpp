#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/method/gradcam.h"
#include "lcr/method/lcr.h"
#include "lcr/method/momentum_contrast.h"
#include "lcr/method/rationale_loss.h"
#include "lcr/model/resnet.h"
#include "lcr/train/step.h"
#include "lcr/train/training_options.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

using testing::tiny_batch;
using testing::tiny_options;

torch::Tensor doubles(torch::IntArrayRef shape, const std::string& name) {
  return random_normal(shape, 4, name).to(torch::kDouble);
}

TEST(KeyQueue, IsARingOfUnitKeys) {
  KeyQueue queue(5, 12, 0);
  EXPECT_TRUE(torch::allclose(queue->keys.norm(2, 0), torch::ones(12)));
  const auto before = queue->keys.clone();
  const auto a = doubles({6, 5}, "a").to(torch::kFloat32);
  const auto b = doubles({6, 5}, "b").to(torch::kFloat32);
  const auto c = doubles({6, 5}, "c").to(torch::kFloat32);
  queue->enqueue(a);
  EXPECT_TRUE(queue->keys.narrow(1, 0, 6).equal(a.t()));
  EXPECT_TRUE(queue->keys.narrow(1, 6, 6).equal(before.narrow(1, 6, 6)));
  queue->enqueue(b);
  EXPECT_EQ(queue->position.item<std::int64_t>(), 0);
  queue->enqueue(c);
  EXPECT_TRUE(queue->keys.narrow(1, 0, 6).equal(c.t()));
  EXPECT_TRUE(queue->keys.narrow(1, 6, 6).equal(b.t()));
  EXPECT_THROW(queue->enqueue(a.narrow(0, 0, 5)), std::logic_error);
  // A checkpoint sets the position behind the queue's back.
  queue->position.copy_(torch::zeros({}, torch::kLong));
  queue->to(torch::kCPU, torch::kFloat32);
  queue->enqueue(a);
  EXPECT_TRUE(queue->keys.narrow(1, 0, 6).equal(a.t()));
}

TEST(ContrastiveLoss, IsCrossEntropyOfThePositive) {
  KeyQueue queue(5, 12, 0);
  const auto q = torch::nn::functional::normalize(random_normal({6, 5}, 0, "q"));
  const auto k = torch::nn::functional::normalize(random_normal({6, 5}, 0, "k"));
  const auto logits = queue->logits(q, k);
  EXPECT_EQ(logits.positive.sizes(), (std::vector<std::int64_t>{6, 1}));
  EXPECT_EQ(logits.negative.sizes(), (std::vector<std::int64_t>{6, 12}));
  const auto all = torch::cat({logits.positive, logits.negative}, 1) / 0.2;
  const auto expected = -all.log_softmax(1).select(1, 0).mean();
  EXPECT_NEAR(contrastive_loss(logits, 0.2).item<double>(), expected.item<double>(), 1e-5);
}

TEST(MovingAverages, MoveParametersButNotBuffers) {
  Encoder a(EncoderOptions{
      .backbone = std::make_shared<ResNetImpl>(BackboneOptions{.arch = "narrow", .width = 4})});
  Encoder b(EncoderOptions{
      .backbone = std::make_shared<ResNetImpl>(BackboneOptions{.arch = "narrow", .width = 4})});
  initialise(*a, InitScheme::kResNet, 0, "a");
  initialise(*b, InitScheme::kResNet, 1, "a");
  b(tiny_batch("x"));  // moves b's BN statistics
  const auto a0 = a->parameters()[0].clone();
  const auto b0 = b->parameters()[0].clone();
  const auto buffer = a->buffers()[0].clone();
  Sgd sgd(b->parameters(), 0.9, 0, {a->parameters(), b->parameters(), 0.9});
  sgd.step(0.1);  // without gradients, b stays
  EXPECT_TRUE(torch::allclose(a->parameters()[0], 0.9 * a0 + 0.1 * b0));
  EXPECT_TRUE(b->parameters()[0].equal(b0));
  EXPECT_TRUE(a->buffers()[0].equal(buffer));
}

/// The derivative of the scalar `f` by every element of x, by central differences.
torch::Tensor numeric_gradient(const std::function<torch::Tensor(const torch::Tensor&)>& f,
                               const torch::Tensor& x) {
  const torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-6;
  auto gradient = torch::zeros_like(x);
  for (std::int64_t i = 0; i < x.numel(); ++i) {
    auto plus = x.clone();
    auto minus = x.clone();
    plus.view(-1)[i] += kStep;
    minus.view(-1)[i] -= kStep;
    gradient.view(-1)[i] = (f(plus) - f(minus)) / (2 * kStep);
  }
  return gradient;
}

void expect_gradient(const std::function<torch::Tensor(const torch::Tensor&)>& f,
                     const torch::Tensor& x, const std::string& what) {
  const auto leaf = x.clone().requires_grad_(true);
  const auto analytic = torch::autograd::grad({f(leaf)}, {leaf})[0];
  const auto numeric = numeric_gradient(f, x);
  EXPECT_GT(numeric.norm().item<double>(), 1e-9) << what << ": nothing to compare";
  EXPECT_LT((analytic - numeric).norm().item<double>(),
            1e-6 * std::max(1.0, numeric.norm().item<double>()))
      << what;
}

TEST(Gradients, RationaleLossInMaskAndTarget) {
  const auto mask = doubles({2, 3, 4}, "mask");
  const auto target = doubles({2, 3, 4}, "target");
  for (const char* axis : {"rows", "positions"})
    for (const char* reduction : {"sum", "batchmean", "mean"}) {
      const RationaleLossOptions options{axis, 0.4, reduction};
      expect_gradient([&](const auto& x) { return rationale_loss(x, target, options); }, mask,
                      std::string("mask ") + axis + reduction);
      expect_gradient([&](const auto& x) { return rationale_loss(mask, x, options); }, target,
                      std::string("target ") + axis + reduction);
    }
}

TEST(Gradients, MaskNormalisationAndCamScaling) {
  const auto mask = doubles({2, 3, 4}, "mask").abs();
  const auto weight = doubles({2, 3, 4}, "weight");
  for (const char* norm : {"batch", "image"})
    expect_gradient([&](const auto& x) { return (normalise_mask(x, norm) * weight).sum(); }, mask,
                    norm);
  for (const char* scale : {"none", "max", "minmax"})
    expect_gradient([&](const auto& x) { return (scale_cam(x, scale) * weight).sum(); }, mask,
                    scale);
}

TEST(Gradients, UndetachedTargetHoldsTheInnerGradientFixed) {
  // The method is first-order: the CAM's inner gradient is a constant, the feature map is not.
  const auto map = doubles({2, 4, 3, 3}, "map");
  const auto weight = doubles({2, 3, 3}, "weight");
  const auto head = doubles({4}, "head");
  const auto scalar = [&](const torch::Tensor& x) {
    return (x.square().mean({2, 3}) * head).sum();
  };
  const auto leaf = map.clone().requires_grad_(true);
  const auto value = scalar(leaf);
  const auto inner = torch::autograd::grad({value}, {leaf}, {}, true)[0].detach();
  const auto analytic =
      torch::autograd::grad({(grad_cam(value, leaf, false) * weight).sum()}, {leaf})[0];
  const auto numeric = numeric_gradient(
      [&](const auto& x) { return (torch::relu((x * inner).sum(1)) * weight).sum(); }, map);
  EXPECT_LT((analytic - numeric).norm().item<double>(), 1e-6);
  EXPECT_GT(numeric.norm().item<double>(), 1e-3);
  EXPECT_FALSE(grad_cam(scalar(leaf), leaf, true).requires_grad());
}

TEST(SinglePrecision, EachOperationAgreesWithDouble) {
  const auto mask = doubles({4, 7, 7}, "mask").abs();
  const auto target = doubles({4, 7, 7}, "target").abs();
  const auto map = doubles({4, 16, 7, 7}, "map").abs();
  const auto head = doubles({16}, "head");
  const auto single = [](const torch::Tensor& x) { return x.to(torch::kFloat32); };
  const auto expect = [](const torch::Tensor& actual, const torch::Tensor& expected,
                         const std::string& what) {
    EXPECT_EQ(actual.scalar_type(), torch::kFloat32) << what;
    EXPECT_LE((actual.to(torch::kDouble) - expected).norm().item<double>(),
              1e-5 * expected.norm().item<double>())
        << what;
  };
  for (const char* norm : {"batch", "image", "none"})
    expect(normalise_mask(single(mask), norm), normalise_mask(mask, norm), norm);
  for (const char* scale : {"none", "max", "minmax"})
    expect(scale_cam(single(mask), scale), scale_cam(mask, scale), scale);
  for (const char* axis : {"rows", "positions"})
    for (const char* reduction : {"sum", "batchmean", "mean"})
      expect(rationale_loss(single(mask), single(target), {axis, 0.4, reduction}),
             rationale_loss(mask, target, {axis, 0.4, reduction}), axis);
  const auto cam = [](const torch::Tensor& x, const torch::Tensor& weight) {
    const auto leaf = x.clone().requires_grad_(true);
    return grad_cam((leaf.square().mean({2, 3}) * weight).sum(), leaf, true);
  };
  expect(cam(single(map), single(head)), cam(map, head), "grad_cam");
  KeyQueue queue(16, 32, 0);
  const auto q = torch::nn::functional::normalize(doubles({4, 16}, "q"));
  const auto k = torch::nn::functional::normalize(doubles({4, 16}, "k"));
  const auto loss = contrastive_loss(queue->logits(single(q), single(k)), 0.2);
  queue->to(torch::kDouble);
  expect(loss, contrastive_loss(queue->logits(q, k), 0.2), "contrastive_loss");
}

TEST(RationaleLoss, IsTorchsKlDivergence) {
  const auto mask = doubles({2, 3, 4}, "mask");
  const auto target = doubles({2, 3, 4}, "target");
  const auto expected = torch::nn::functional::kl_div(
      (mask.view({2, -1}) / 0.4).log_softmax(-1), (target.view({2, -1}) / 0.4).softmax(-1),
      torch::nn::functional::KLDivFuncOptions(torch::kSum));
  EXPECT_NEAR(rationale_loss(mask, target, {"positions", 0.4, "sum"}).item<double>(),
              expected.item<double>(), 1e-12);
  EXPECT_NEAR(rationale_loss(mask, target, {"positions", 0.4, "batchmean"}).item<double>(),
              expected.item<double>() / 2, 1e-12);
  const auto rows =
      torch::nn::functional::kl_div(mask.log_softmax(-1), target.softmax(-1),
                                    torch::nn::functional::KLDivFuncOptions(torch::kMean));
  EXPECT_NEAR(rationale_loss(mask, target, {"rows", 1.0, "mean"}).item<double>(),
              rows.item<double>(), 1e-12);
  EXPECT_NEAR(rationale_loss(mask, mask, {"rows", 1.0, "sum"}).item<double>(), 0, 1e-12);
}

TEST(GradCam, LossAndLogitsObeyTheirIdentity) {
  // CAM(loss) = [(p0 - 1) CAM(l_pos) + sum_j p_j CAM(l_neg, j)] / (N t), before rectification.
  Encoder encoder(EncoderOptions{
      .backbone = std::make_shared<ResNetImpl>(BackboneOptions{.arch = "narrow", .width = 4}),
      .embedding_dim = 5});
  initialise(*encoder, InitScheme::kResNet, 0, "x");
  KeyQueue queue(5, 12, 0);
  encoder->to(torch::kDouble);
  queue->to(torch::kDouble);
  const double t = 0.2;
  const auto [map, q] = encoder(tiny_batch("x").to(torch::kDouble));
  const auto k = torch::nn::functional::normalize(doubles({6, 5}, "k"));
  const auto logits = queue->logits(q, k);
  const auto raw_cam = [&, feature_map = map](const torch::Tensor& scalar) {
    return (feature_map * torch::autograd::grad({scalar}, {feature_map}, {}, true)[0])
        .sum(1)
        .detach();
  };
  const auto p = (torch::cat({logits.positive, logits.negative}, 1) / t).softmax(1).detach();
  auto expected = (p.select(1, 0) - 1).view({-1, 1, 1}) * raw_cam(logits.positive.sum());
  for (std::int64_t j = 0; j < 12; ++j)
    expected += p.select(1, j + 1).view({-1, 1, 1}) * raw_cam(logits.negative.select(1, j).sum());
  expected /= 6 * t;
  const auto actual = raw_cam(contrastive_loss(logits, t));
  const double norm = actual.norm().item<double>();
  EXPECT_LT((actual - expected).norm().item<double>(), 1e-12 * std::max(1.0, norm) + 1e-10 * norm);
  EXPECT_TRUE(grad_cam(contrastive_loss(logits, t), map, true).equal(torch::relu(actual)));
}

/// The parameters and buffers after some steps; without those of the GFB if `lcr_only_query`.
std::vector<torch::Tensor> train(const Options& options, int steps, bool lcr_only_query = false) {
  const auto method = make_method(options, 0);
  method->train();
  const auto sgd = make_optimizer(*method, options);
  for (int i = 0; i < steps; ++i)
    take_step(*method, *sgd,
              {{tiny_batch("q" + std::to_string(i)), tiny_batch("k" + std::to_string(i))}, {}, i},
              options.get<TrainingOptions>().lr);
  std::vector<torch::Tensor> state;
  for (const auto& item : method->named_parameters())
    if (!lcr_only_query || !item.key().starts_with("gfb"))
      state.push_back(item.value().detach().clone());
  for (const auto& item : method->named_buffers())
    if (!lcr_only_query || !item.key().starts_with("gfb")) state.push_back(item.value().clone());
  return state;
}

void expect_equal(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b,
                  bool equal = true) {
  ASSERT_EQ(a.size(), b.size());
  bool all = true;
  for (std::size_t i = 0; i < a.size(); ++i) all = all && a[i].equal(b[i]);
  EXPECT_EQ(all, equal);
}

TEST(Lcr, WithoutKlIsMoCoStepForStep) {
  const auto moco = train(tiny_options({{"method", "moco_v2"}}), 4, true);
  const auto trained = [&](const char* variant, const char* nu) {
    return train(tiny_options({{"method", "lcr"}, {"nu", nu}, {"variant", variant}}), 4, true);
  };
  for (const char* variant : {"authors_code", "algorithm_a1", "algorithm_a1_rescaled"})
    expect_equal(trained(variant, "0"), moco);
  expect_equal(trained("authors_code", "0.1"), moco, false);
}

TEST(Lcr, WithoutKlIsByolStepForStep) {
  const auto byol = train(tiny_options({{"method", "byol"}, {"head-hidden", "7"}}), 4, true);
  for (const char* variant : {"authors_code", "algorithm_a1", "algorithm_a1_rescaled"}) {
    const auto trained = [&](const char* nu) {
      const Options options = tiny_options(
          {{"method", "byol_lcr"}, {"head-hidden", "7"}, {"nu", nu}, {"variant", variant}});
      return train(options, 4, true);
    };
    expect_equal(trained("0"), byol);
    expect_equal(trained("0.1"), byol, false);
  }
}

TEST(Byol, TargetFollowsTheOnlineNetworkAndGetsNoGradient) {
  const Options options =
      tiny_options({{"method", "byol"}, {"head-hidden", "7"}, {"key-momentum", "0.75"}});
  const auto method = make_method(options, 0);
  method->to(torch::kDouble);
  const auto parameters = method->named_parameters();
  const auto name = [](const char* network) { return std::string(network) + ".head.3.weight"; };
  const torch::Tensor online = parameters[name("online")];
  const torch::Tensor target = parameters[name("target")];
  EXPECT_TRUE(online.equal(target)) << "it starts as a copy";
  const torch::Tensor before = target.clone();
  const auto optimizer = make_optimizer(*method, options);
  const auto loss = take_step(
      *method, *optimizer,
      {{tiny_batch("q").to(torch::kDouble), tiny_batch("k").to(torch::kDouble)}, {}, 0}, 0.1);
  EXPECT_FALSE(online.equal(before));
  const torch::Tensor expected = 0.75 * before + 0.25 * online.detach();
  EXPECT_LT((target - expected).norm().item<double>(), 1e-12);
  for (const auto& item : parameters)
    EXPECT_EQ(item.value().grad().defined(), !item.key().starts_with("target.")) << item.key();
  EXPECT_GE(loss.total.item<double>(), -1);
  EXPECT_LE(loss.total.item<double>(), 1);
}

TEST(Byol, CamsOfLossAndPositiveLogitAreComplements) {
  // The loss is -1/2 of the mean cosine in both directions, and only one direction depends on the
  // query view's map: CAM(loss) = -CAM(positive) / (2 N) before rectification. So the rectified
  // maps are disjoint.
  const auto method = make_method(tiny_options({{"method", "byol"}, {"head-hidden", "7"}}), 0);
  method->to(torch::kDouble);
  method->eval();
  const Batch batch{
      {tiny_batch("q").to(torch::kDouble), tiny_batch("k").to(torch::kDouble)}, {}, 0};
  const auto loss = objective_cam(*method->host(), batch, "loss");
  const auto positive = objective_cam(*method->host(), batch, "positive_logit");
  ASSERT_GT(loss.max().item<double>(), 0);
  ASSERT_GT(positive.max().item<double>(), 0);
  EXPECT_EQ((loss * positive).abs().max().item<double>(), 0);
}

TEST(Lcr, IsDeterministic) {
  for (const char* variant : {"authors_code", "algorithm_a1_rescaled"})
    expect_equal(train(tiny_options({{"method", "lcr"}, {"variant", variant}}), 3),
                 train(tiny_options({{"method", "lcr"}, {"variant", variant}}), 3));
}

TEST(Lcr, EverySwitchChangesTraining) {
  const auto base = train(tiny_options({{"method", "lcr"}, {"nu", "1"}}), 2);
  const std::pair<const char*, const char*> switches[] = {{"cam-source", "loss"},
                                                          {"cam-source", "uniform"},
                                                          {"cam-source", "shuffled"},
                                                          {"kl-axis", "rows"},
                                                          {"tau", "1"},
                                                          {"cam-scale", "none"},
                                                          {"mask-norm", "batch"},
                                                          {"mask-norm", "none"},
                                                          {"detach-target", "no"},
                                                          {"kl-reduction", "batchmean"},
                                                          {"kl-reduction", "mean"},
                                                          {"gfb-bn-updates", "as_authors"},
                                                          {"lambda", "0.5"},
                                                          {"nu", "0.5"},
                                                          {"symmetric", "yes"},
                                                          {"key-bn-groups", "2"},
                                                          {"virtual-gpus", "2"},
                                                          {"temperature", "0.3"},
                                                          {"key-momentum", "0.9"}};
  for (const auto& [name, value] : switches) {
    SCOPED_TRACE(std::string(name) + "=" + value);
    Options options = tiny_options({{"method", "lcr"}, {"nu", "1"}});
    set_option(options, name, value, "test");
    expect_equal(train(options, 2), base, false);
  }
}

TEST(Lcr, PermutingTheBatchPermutesMaskAndTarget) {
  // In evaluation mode batch norm does not couple images. A mask normalised per image couples none
  // either; normalised per batch, its extremes do: they do not depend on the order, but on the
  // other images of the batch.
  const auto order = torch::tensor({3, 0, 5, 1, 4, 2}, torch::kLong);
  for (const char* norm : {"image", "batch"}) {
    const auto method = make_method(tiny_options({{"method", "lcr"}, {"mask-norm", norm}}), 0);
    method->to(torch::kDouble);
    method->eval();
    const auto q = tiny_batch("q").to(torch::kDouble);
    const auto k = tiny_batch("k").to(torch::kDouble);
    const auto plain = method->step({{q, k}, {}, 0});
    const auto permuted =
        method->step({{q.index_select(0, order), k.index_select(0, order)}, {}, 0});
    EXPECT_TRUE(torch::allclose(permuted.mask, plain.mask.index_select(0, order), 1e-9, 1e-12))
        << norm;
    EXPECT_TRUE(torch::allclose(permuted.target, plain.target.index_select(0, order), 1e-9, 1e-12))
        << norm;
    auto louder = q.clone();
    louder[5] *= 20;
    const auto changed = method->step({{louder, k}, {}, 0});
    const auto first_five_equal = [](const torch::Tensor& a, const torch::Tensor& b) {
      return torch::allclose(a.narrow(0, 0, 5), b.narrow(0, 0, 5), 1e-9, 1e-12);
    };
    EXPECT_EQ(first_five_equal(changed.mask, plain.mask), std::string(norm) == "image") << norm;
    EXPECT_TRUE(first_five_equal(changed.target, plain.target)) << norm;
  }
}

TEST(Lcr, AuthorsUpdateTheBranchStatisticsThreeTimes) {
  for (const auto& [updates, expected] : {std::pair("once", 1), std::pair("as_authors", 3)}) {
    const auto method =
        make_method(tiny_options({{"method", "lcr"}, {"gfb-bn-updates", updates}}), 0);
    method->train();
    method->step({{tiny_batch("q"), tiny_batch("k")}, {}, 0});
    EXPECT_EQ(method->named_buffers()["gfb.bn.num_batches_tracked"].item<std::int64_t>(), expected)
        << updates;
  }
}

TEST(Lcr, RandomBranchStaysAsDrawn) {
  const auto method = make_method(tiny_options({{"method", "lcr"}, {"gfb", "random"}}), 0);
  method->train();
  const auto before = method->named_parameters()["gfb.conv.weight"].clone();
  const auto loss = method->step({{tiny_batch("q"), tiny_batch("k")}, {}, 0});
  EXPECT_EQ(loss.terms.at(1).value.item<float>(), 0);
  loss.total.backward();
  for (const auto& parameter : method->trained_parameters()) EXPECT_TRUE(parameter.requires_grad());
  EXPECT_TRUE(method->named_parameters()["gfb.conv.weight"].equal(before));
}

TEST(MoCo, KeysGetNoGradientAndTheQueueMovesOnlyAtTheEndOfTheStep) {
  const auto method = make_method(tiny_options({{"method", "moco_v2"}}), 0);
  method->train();
  const auto queue = method->named_buffers()["queue.keys"].clone();
  const auto loss = method->step({{tiny_batch("q"), tiny_batch("k")}, {}, 0});
  EXPECT_TRUE(method->named_buffers()["queue.keys"].equal(queue));
  loss.total.backward();
  method->finish_step();
  EXPECT_FALSE(method->named_buffers()["queue.keys"].narrow(1, 0, 6).equal(queue.narrow(1, 0, 6)));
  EXPECT_TRUE(method->named_buffers()["queue.keys"].narrow(1, 6, 6).equal(queue.narrow(1, 6, 6)));
  for (const auto& item : method->named_parameters()) {
    if (item.key().starts_with("key.")) EXPECT_FALSE(item.value().requires_grad());
    if (item.key().starts_with("query.")) EXPECT_TRUE(item.value().grad().defined()) << item.key();
  }
}

TEST(MoCo, LearnsToTellImagesApart) {
  // The same twelve images again and again, in two fixed batches: the loss must fall well below
  // chance.
  const Options options = tiny_options({{"method", "moco_v2"}, {"key-momentum", "0.9"}});
  const auto method = make_method(options, 0);
  method->train();
  Sgd sgd(method->trained_parameters(), 0.9, 0, method->moving_averages());
  double first = 0, last = 0;
  for (int i = 0; i < 60; ++i) {
    const auto x = tiny_batch("image" + std::to_string(i % 2));
    const auto loss = take_step(
        *method, sgd, {{x, x + 0.1 * tiny_batch("noise" + std::to_string(i))}, {}, i}, 0.03);
    if (i >= 2 && i < 6) first += loss.terms[0].value.item<double>() / 4;
    if (i >= 56) last += loss.terms[0].value.item<double>() / 4;
  }
  EXPECT_LT(last, first - 0.3);
}

}  // namespace
}  // namespace lcr
