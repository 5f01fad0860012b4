// Data-parallel ranks: their collectives, and training on several ranks against training on one
// device.
#include "tests/support/ranks.h"

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
#include "lcr/method/process_group.h"
#include "lcr/model/initialise.h"
#include "lcr/record/run_identity.h"
#include "lcr/train/gradient_average.h"
#include "lcr/train/step.h"
#include "tests/support/files.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

using testing::rank_device;
using testing::run_ranks;
using testing::run_ranks_on_test_device;
using testing::tiny_batch;
using testing::tiny_options;

TEST(ProcessGroup, GathersSumsAndBroadcastsByRank) {
  for (const int size : {2, 3}) {
    run_ranks_on_test_device(size, [size](const ProcessGroup& group) {
      const int rank = group.rank();
      const auto on_device = [device = rank_device(rank, size)](torch::ScalarType type) {
        return torch::TensorOptions().dtype(type).device(device);
      };
      for (int repeat = 0; repeat < 20; ++repeat) {
        for (const auto type : {torch::kFloat, torch::kDouble, torch::kBFloat16, torch::kLong}) {
          const auto gathered =
              group.all_gather(torch::full({2, 2}, rank + 10 * repeat, on_device(type)));
          EXPECT_EQ(gathered.scalar_type(), type);
          for (int other = 0; other < size; ++other)
            EXPECT_TRUE(
                gathered.narrow(0, 2 * other, 2).eq(other + 10 * repeat).all().item<bool>());
        }
        const auto sum = torch::full({7}, rank + 1.0, on_device(torch::kDouble));
        group.start_sum(sum).wait();
        EXPECT_TRUE(sum.eq(size * (size + 1) / 2).all().item<bool>());
        // Another layout than rank 0's, and no dimension at all.
        auto sent = torch::arange(48, on_device(torch::kLong)).view({2, 3, 2, 4}).to(torch::kBool);
        auto own = (rank == 0 ? sent.clone() : torch::zeros_like(sent));
        if (rank > 0) own = own.contiguous(torch::MemoryFormat::ChannelsLast);
        group.broadcast(own);
        EXPECT_TRUE(own.equal(sent));
        const auto scalar = torch::full({}, rank, on_device(torch::kLong));
        group.broadcast(scalar);
        EXPECT_EQ(scalar.item<std::int64_t>(), 0);
        EXPECT_EQ(group.broadcast(std::vector<std::int64_t>{rank + 3, rank}),
                  (std::vector<std::int64_t>{3, 0}));
      }
    });
  }
}

// What keeps the numbers of two ranks those of the threads that they once were.
TEST(ProcessGroup, TwoRanksAddInRankOrder) {
  std::vector<torch::Tensor> own = {random_normal({100'003}, 1, "a"),
                                    random_normal({100'003}, 1, "b") * 1e4};
  run_ranks_on_test_device(2, [&](const ProcessGroup& group) {
    const torch::Device device = rank_device(group.rank(), 2);
    const auto sum = own[static_cast<std::size_t>(group.rank())].to(device, torch::kFloat,
                                                                    /*non_blocking=*/false,
                                                                    /*copy=*/true);
    group.start_sum(sum).wait();
    EXPECT_TRUE(sum.cpu().equal(own[0] + own[1]));
  });
}

// On the CPU alone: under NCCL the others end by its watchdog's abort (docs/scaling.md).
TEST(ProcessGroup, ARankThatFailsEndsTheOthers) {
  std::atomic<int> passed{0};
  testing::expect_user_error(
      [&] {
        run_ranks(3, [&](const ProcessGroup& group) {
          group.all_gather(torch::ones({1}));
          if (group.rank() == 1) fail("rank {} is out", group.rank());
          try {
            group.all_gather(torch::ones({1}));
            ++passed;
          } catch (const LostRank& e) {
            const std::string what = e.what();
            EXPECT_TRUE(what.starts_with(fmt::format("rank {}: lost another rank (", group.rank())))
                << what;
            EXPECT_EQ(what.find('\n'), std::string::npos) << what;
            throw;
          }
        });
      },
      "rank 1 is out");
  EXPECT_EQ(passed, 0);
  EXPECT_TRUE(ProcessGroup::lost_a_rank());
}

TEST(ProcessGroup, AloneItCopiesNothingAndOpensNoSocket) {
  // Nobody serves this address.
  const ProcessGroup group({.size = 1, .address = "no.such.host.invalid", .port = 1}, torch::kCPU,
                           std::chrono::seconds(1));
  const auto tensor = torch::ones({2});
  EXPECT_TRUE(group.all_gather(tensor).is_same(tensor));
  group.start_sum(tensor).wait();
  group.broadcast(tensor);
  EXPECT_TRUE(tensor.equal(torch::ones({2})));
  EXPECT_EQ(group.broadcast(std::vector<std::int64_t>{5}), std::vector<std::int64_t>{5});
}

TEST(ProcessGroup, BadAddressesAreNamed) {
  testing::expect_user_error(
      [] {
        ProcessGroup({.size = 2, .address = "no.such.host.invalid"}, torch::kCPU,
                     std::chrono::seconds(1));
      },
      "MASTER_ADDR = 'no.such.host.invalid'");
}

/// This rank's share of a batch of the tiny size, as the method wants it.
std::vector<torch::Tensor> views_of(const Method& method, const ProcessGroup& group, int step,
                                    std::int64_t batch_size) {
  const std::int64_t share = batch_size / group.size();
  std::vector<torch::Tensor> views;
  for (const ViewShare& wanted : method.view_shares()) {
    auto all = tiny_batch((wanted.view == 0 ? "q" : "k") + std::to_string(step), batch_size)
                   .to(torch::kDouble);
    if (wanted.order) all = all.index_select(0, torch::tensor(wanted.order(step)));
    views.push_back(
        all.narrow(0, group.rank() * share, share).to(rank_device(group.rank(), group.size())));
  }
  return views;
}

/// Trains three float64 steps on `ranks` ranks. Returns the replicas of all ranks; appends the
/// losses, averaged over ranks.
std::vector<std::shared_ptr<Method>> train(Options options, int ranks,
                                           std::vector<double>& losses) {
  options.get<BatchOptions>().ranks = ranks;
  std::vector<std::shared_ptr<Method>> replicas(static_cast<std::size_t>(ranks));
  run_ranks_on_test_device(ranks, [&](const ProcessGroup& group) {
    const auto method = replicas[static_cast<std::size_t>(group.rank())] = make_method(options, 3);
    method->to(rank_device(group.rank(), ranks), torch::kDouble);
    method->train();
    method->join(group);
    Sgd sgd(method->trained_parameters(), 0.9, 1e-4, method->moving_averages());
    GradientAverage average(group, method->trained_parameters(), 1000);
    for (int step = 0; step < 3; ++step) {
      const auto views = views_of(*method, group, step, options.get<BatchOptions>().batch_size);
      const StepLoss loss = take_step(*method, sgd, {views, {}, step}, 0.1, &average);
      const torch::Tensor total = loss.total.detach().clone();
      group.start_sum(total).wait();
      if (group.rank() == 0) losses.push_back(total.item<double>() / ranks);
    }
  });
  for (const auto& replica : replicas) replica->to(torch::kCPU);  // for comparisons
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
