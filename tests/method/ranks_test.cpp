// Data-parallel ranks: their collectives, and training on several ranks against training on one
// device.
#include "lcr/method/ranks.h"

#include <atomic>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/base/error.h"
#include "lcr/experiment/identify_run.h"
#include "lcr/experiment/option_table.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/method/moco_v2.h"
#include "lcr/record/run_identity.h"
#include "lcr/train/step.h"
#include "tests/support/files.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

using testing::tiny_batch;
using testing::tiny_options;

TEST(RankGroup, GathersInRankOrderAndAverages) {
  RankGroup group(3);
  std::vector<torch::Tensor> gathered(3), first(3), second(3);
  group.run([&](int rank) {
    for (int repeat = 0; repeat < 50; ++repeat) {
      gathered[rank] = group.all_gather(rank, torch::full({2, 2}, rank + 10 * repeat));
      first[rank] = torch::full({2, 3}, static_cast<double>(rank), torch::kDouble);
      second[rank] = torch::full({}, 10.0 * rank, torch::kDouble);
      group.average(rank, {first[rank], second[rank]});
    }
  });
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_TRUE(gathered[rank].equal(
        torch::tensor({490, 490, 491, 491, 492, 492}).unsqueeze(1).expand({6, 2})));
    EXPECT_TRUE(first[rank].equal(torch::ones({2, 3}, torch::kDouble)));
    EXPECT_EQ(second[rank].item<double>(), 10.0);
  }
}

TEST(RankGroup, ARankThatFailsEndsTheOthersAndTheGroupGoesOnAfter) {
  RankGroup group(4);
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::atomic<int> passed{0};
    testing::expect_user_error(
        [&] {
          group.run([&](int rank) {
            group.all_gather(rank, torch::ones({1}));
            if (rank == repeat % 4) fail("rank {} is out", rank);
            group.all_gather(rank, torch::ones({1}));
            ++passed;
          });
        },
        "is out");
    EXPECT_EQ(passed, 0);
    group.run([&](int rank) { EXPECT_EQ(group.all_gather(rank, torch::ones({1})).numel(), 4); });
  }
}

TEST(RankGroup, OneRankRunsInPlaceAndCopiesNothing) {
  RankGroup group(1);
  const auto thread = std::this_thread::get_id();
  const auto tensor = torch::ones({2});
  group.run([&](int rank) {
    EXPECT_EQ(std::this_thread::get_id(), thread);
    EXPECT_TRUE(group.all_gather(rank, tensor).is_same(tensor));
  });
}

/// Trains three float64 steps on `ranks` ranks. Returns the replicas of all ranks; appends the
/// losses, averaged over ranks.
std::vector<std::shared_ptr<Method>> train(Options options, int ranks,
                                           std::vector<double>& losses) {
  options.get<BatchOptions>().ranks = ranks;
  RankGroup group(ranks);
  std::vector<std::shared_ptr<Method>> replicas;
  for (int rank = 0; rank < ranks; ++rank) {
    replicas.push_back(make_method(options, 3));
    replicas.back()->to(torch::kDouble);
    replicas.back()->train();
    replicas.back()->join(group, rank);
  }
  group.run([&](int rank) {
    Method& method = *replicas[static_cast<std::size_t>(rank)];
    Sgd sgd(method.trained_parameters(), 0.9, 1e-4, method.moving_averages());
    const std::int64_t share = options.get<BatchOptions>().batch_size / ranks;
    for (int step = 0; step < 3; ++step) {
      const auto view = [&](const char* which) {
        return tiny_batch(which + std::to_string(step), options.get<BatchOptions>().batch_size)
            .to(torch::kDouble)
            .narrow(0, rank * share, share);
      };
      const StepLoss loss = take_step(method, sgd, {{view("q"), view("k")}, {}, step}, 0.1);
      const torch::Tensor total = loss.total.detach().clone();
      group.average(rank, {total});
      if (rank == 0) losses.push_back(total.item<double>());
    }
  });
  return replicas;
}

// Two ranks with plain batch norm equal one device with batch norm over two groups (SplitBN), whose
// step the goldens moco_split and lcr_split fix: the same shuffling, statistics and keys in the
// queue. The reduction must not depend on how the batch is divided (a sum over each rank's images,
// averaged over ranks, is smaller by the number of ranks).
TEST(Ranks, TwoRanksAreOneDeviceWithTwoBatchNormGroups) {
  for (const auto& settings : std::vector<std::vector<std::pair<std::string, std::string>>>{
           {{"method", "moco_v2"}},
           {{"method", "moco_v2"}, {"symmetric", "yes"}},
           {{"method", "moco_bilinear"}},
           {{"method", "lcr"}, {"kl-reduction", "batchmean"}},
           {{"method", "lcr"}, {"kl-reduction", "batchmean"}, {"gfb-bn-updates", "as_authors"}}}) {
    Options options = tiny_options({});
    for (const auto& [name, value] : settings) set_option(options, name, value, "test");
    options.get<LcrOptions>().nu = 0.1;
    Options split = options;
    split.get<MomentumContrastOptions>().key_bn_groups = 2;
    std::vector<double> losses_of_ranks, losses_of_one;
    const auto ranks = train(options, 2, losses_of_ranks);
    const auto one = train(split, 1, losses_of_one);
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_NEAR(losses_of_ranks[i], losses_of_one[i], 1e-9)
          << options.get<MethodOptions>().method << " step " << i;
    const auto expected = one[0]->named_parameters();
    const auto second = ranks[1]->named_parameters();
    for (const auto& item : ranks[0]->named_parameters()) {
      EXPECT_TRUE(torch::allclose(item.value(), expected[item.key()], 1e-8, 1e-9))
          << options.get<MethodOptions>().method << " " << item.key();
      EXPECT_TRUE(item.value().equal(second[item.key()])) << "the ranks differ: " << item.key();
    }
    const auto queue = [](const std::shared_ptr<Method>& method) {
      return method->named_buffers()["queue.keys"];
    };
    EXPECT_TRUE(torch::allclose(queue(ranks[0]), queue(one[0]), 1e-8, 1e-9))
        << options.get<MethodOptions>().method;
    EXPECT_TRUE(queue(ranks[0]).equal(queue(ranks[1])));
    EXPECT_EQ(ranks[0]->named_buffers()["queue.position"].item<std::int64_t>(),
              one[0]->named_buffers()["queue.position"].item<std::int64_t>());
  }
}

// What W GPUs do together, on one: losses and the state of the first rank, which is evaluated, with
// its running statistics.
TEST(Ranks, VirtualGpusAreRanks) {
  for (Options options :
       {tiny_options({{"method", "moco_v2"}}),
        tiny_options({{"method", "moco_v2"}, {"symmetric", "yes"}}),
        tiny_options({{"method", "moco_bilinear"}}), tiny_options({{"variant", "authors_code"}}),
        tiny_options({{"variant", "authors_code"}, {"symmetric", "yes"}}),
        tiny_options({{"variant", "authors_code"}, {"kl-reduction", "mean"}}),
        tiny_options({{"variant", "algorithm_a1"}}),
        tiny_options({{"variant", "algorithm_a1"}, {"kl-reduction", "batchmean"}}),
        tiny_options({{"variant", "algorithm_a1_rescaled"}}),
        tiny_options({{"variant", "algorithm_a1_rescaled"}, {"cam-source", "shuffled"}}),
        tiny_options({{"method", "byol"}, {"head-hidden", "7"}}),
        tiny_options(
            {{"method", "byol_lcr"}, {"head-hidden", "7"}, {"variant", "authors_code"}})}) {
    options.get<BatchOptions>().batch_size = 12;
    options.get<MomentumContrastOptions>().queue_size = 24;
    options.get<LcrOptions>().nu = 0.1;
    std::vector<double> plain;
    train(options, 1, plain);
    for (const int gpus : {2, 4}) {
      Options on_one = options;
      on_one.get<HostOptions>().virtual_gpus = gpus;
      SCOPED_TRACE(canonical_text(on_one, {}));
      check_consistency(on_one);
      std::vector<double> losses_of_ranks, losses_of_one;
      const auto ranks = train(options, gpus, losses_of_ranks);
      const auto one = train(on_one, 1, losses_of_one);
      for (std::size_t i = 0; i < 3; ++i)
        EXPECT_NEAR(losses_of_ranks[i], losses_of_one[i], 1e-9) << "step " << i;
      EXPECT_GT(std::abs(losses_of_one[2] - plain[2]), 1e-6) << "the option does nothing";
      const auto actual = named_tensors(*one[0]);
      for (const auto& [name, expected] : named_tensors(*ranks[0]))
        EXPECT_TRUE(torch::allclose(actual.at(name), expected, 1e-9, 1e-9)) << name;
    }
  }
}

// Without shuffling, the batch norm statistics of a key would be those of its query's rank. The
// test above would not notice if the permutation were missing on both sides.
TEST(Ranks, KeysAreShuffledAcrossRanks) {
  std::vector<double> losses;
  const Options options = tiny_options({{"method", "moco_v2"}});
  const auto replicas = train(options, 2, losses);
  // The keys of the last step, encoded rank by rank without shuffling, differ from the queue's.
  auto& method = dynamic_cast<MoCoV2&>(*replicas[0]);
  std::vector<torch::Tensor> unshuffled;
  const torch::NoGradGuard no_grad;
  for (const auto& share : tiny_batch("k2").to(torch::kDouble).chunk(2))
    unshuffled.push_back(method.key_encoder()(share).embedding);
  // Three steps of 6 keys in a queue of 12: the last keys come first.
  EXPECT_FALSE(torch::allclose(method.queue()->keys.narrow(1, 0, 6).t(), torch::cat(unshuffled),
                               1e-3, 1e-3));
}

}  // namespace
}  // namespace lcr
