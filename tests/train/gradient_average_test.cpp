// Gradients averaged in buckets while the backward pass runs, against one sum after it and against
// PyTorch's DistributedDataParallel.
#include "lcr/train/gradient_average.h"

#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/model/initialise.h"
#include "lcr/model/weights.h"
#include "lcr/weights/safetensors.h"
#include "tests/support/ranks.h"

namespace lcr {
namespace {

using testing::agree;
using testing::rank_device;
using testing::run_ranks_on_test_device;

/// Parameters of several sizes, one in channels_last layout; the same on every rank.
std::vector<torch::Tensor> make_parameters(const torch::Device& device) {
  std::vector<torch::Tensor> parameters;
  for (const auto& shape : std::vector<std::vector<std::int64_t>>{
           {8, 3, 3, 3}, {8}, {8}, {40, 8}, {40}, {5, 40}, {5}, {9}}) {
    auto value =
        random_normal(shape, 3, "parameter " + std::to_string(parameters.size())).to(device);
    if (value.dim() == 4) value = value.contiguous(torch::MemoryFormat::ChannelsLast);
    parameters.push_back(value.requires_grad_());
  }
  return parameters;
}

/// A loss in which `unused` of the last parameters have no part.
torch::Tensor loss_of(const std::vector<torch::Tensor>& p, std::uint64_t seed, bool unused) {
  const auto input = random_normal({6, 3, 8, 8}, seed, "input").to(p[0].device());
  auto x = torch::conv2d(input, p[0], p[1]).mul(p[2].view({8, 1, 1})).relu().mean({2, 3});
  x = torch::linear(torch::linear(x, p[3], p[4]).tanh(), p[5], p[6]);
  const auto loss = x.square().mean();
  return unused ? loss : loss + p[7].pow(3).sum();
}

std::vector<torch::Tensor> gradients(const std::vector<torch::Tensor>& parameters) {
  std::vector<torch::Tensor> all;
  for (const auto& parameter : parameters)
    all.push_back(parameter.grad().defined() ? parameter.grad().clone() : torch::Tensor());
  return all;
}

void remove_gradients(std::vector<torch::Tensor>& parameters) {
  for (auto& parameter : parameters) parameter.mutable_grad().reset();
}

TEST(GradientAverage, BucketsOfAnySizeAreOneFlatSum) {
  // One per parameter, several in one, all in one.
  for (const std::size_t bucket : {std::size_t{1}, std::size_t{900}, kBucketBytes}) {
    run_ranks_on_test_device(2, [bucket](const ProcessGroup& ranks) {
      const torch::Device device = rank_device(ranks.rank(), 2);
      auto parameters = make_parameters(device);
      auto by_hand = make_parameters(device);
      GradientAverage average(ranks, parameters, bucket);
      for (std::uint64_t step = 0; step < 4; ++step) {
        // On odd steps the last parameter has no gradient on any rank, on step 2 only on rank 0.
        const bool unused = step % 2 == 1 || (step == 2 && ranks.rank() == 1);
        const auto seed = 10 * step + static_cast<std::uint64_t>(ranks.rank());
        remove_gradients(parameters);
        remove_gradients(by_hand);
        loss_of(parameters, seed, unused).backward();
        loss_of(by_hand, seed, unused).backward();
        average.finish();
        const auto actual = gradients(parameters), own = gradients(by_hand);
        for (std::size_t i = 0; i < own.size(); ++i) {
          ASSERT_EQ(actual[i].defined(), own[i].defined()) << i;
          const auto part = own[i].defined() ? own[i] : torch::zeros_like(by_hand[i]);
          const auto sum = ranks.all_gather(part.unsqueeze(0)).sum(0) / 2;
          if (own[i].defined()) EXPECT_TRUE(agree(actual[i], sum)) << "step " << step << ", " << i;
        }
      }
    });
  }
}

TEST(GradientAverage, EqualsDistributedDataParallel) {
  const WeightFile golden =
      read_safetensors(std::filesystem::path(LCR_SOURCE_DIR) / "tests/golden/ddp.safetensors");
  for (const int size : {2, 3, 4}) {
    run_ranks_on_test_device(size, [&golden, size](const ProcessGroup& ranks) {
      const torch::Device device = rank_device(ranks.rank(), size);
      std::vector<torch::Tensor> parameters, factors, means;
      for (const auto& parameter : make_parameters(device)) {
        const auto name = fmt::format("{}/{}/", size, parameters.size());
        parameters.push_back(parameter);
        if (parameter.numel() == 9) continue;  // the one without a gradient
        factors.push_back(read_tensor(golden, name + "own")[ranks.rank()].to(device));
        means.push_back(read_tensor(golden, name + "mean").to(device));
      }
      GradientAverage average(ranks, parameters, 900);
      torch::Tensor loss = torch::zeros({}, device);
      for (std::size_t i = 0; i < factors.size(); ++i)
        loss = loss + (parameters[i] * factors[i]).sum();
      loss.backward();
      average.finish();
      EXPECT_FALSE(parameters.back().grad().defined());
      for (std::size_t i = 0; i < means.size(); ++i) {
        const auto& actual = parameters[i].grad();
        // Three or more are added in an order that depends on the buckets.
        if (size == 2)
          EXPECT_TRUE(actual.equal(means[i])) << i;
        else
          EXPECT_TRUE(torch::allclose(actual, means[i], 0, 5e-7))
              << size << ", " << i << ": " << (actual - means[i]).abs().max();
      }
    });
  }
}

TEST(GradientAverage, SumsStartInTheBackwardPassAndNotBefore) {
  run_ranks_on_test_device(2, [](const ProcessGroup& ranks) {
    auto parameters = make_parameters(rank_device(ranks.rank(), 2));
    GradientAverage average(ranks, parameters, 900);
    ASSERT_GT(average.bucket_count(), 2U);
    const auto loss = loss_of(parameters, 1, false);
    // A gradient that nobody stores, as GradCAM takes it.
    torch::autograd::grad({loss}, parameters, {}, true, true);
    EXPECT_EQ(average.started_in_backward(), 0U);
    loss.backward();
    EXPECT_EQ(average.started_in_backward(), average.bucket_count());
    average.finish();
    // The bucket of the last parameter comes first: without its gradient all wait for finish().
    remove_gradients(parameters);
    loss_of(parameters, 2, true).backward();
    EXPECT_EQ(average.started_in_backward(), average.bucket_count());
    average.finish();
  });
}

TEST(GradientAverage, AloneItHasNoBucket) {
  auto parameters = make_parameters(testing::test_device());
  GradientAverage average({}, parameters);
  EXPECT_EQ(average.bucket_count(), 0U);
  loss_of(parameters, 1, false).backward();
  const auto before = gradients(parameters);
  average.finish();
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_TRUE(parameters[i].grad().equal(before[i]));
}

}  // namespace
}  // namespace lcr
