#include <algorithm>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/data/synth_birds.h"
#include "lcr/evaluate/features.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/evaluate/retrieval.h"
#include "lcr/method/method.h"
#include "lcr/model/weights.h"
#include "lcr/weights/safetensors.h"
#include "tests/support/files.h"
#include "tests/support/networks.h"
#include "tests/support/ranks.h"

namespace lcr {
namespace {

/// Retrieval by its definition, one query at a time.
RetrievalScores brute_force(const torch::Tensor& features, const torch::Tensor& labels) {
  const std::int64_t count = features.size(0);
  RetrievalScores scores;
  for (std::int64_t query = 0; query < count; ++query) {
    std::vector<std::int64_t> others;
    for (std::int64_t i = 0; i < count; ++i)
      if (i != query) others.push_back(i);
    std::vector<float> similarity;
    for (std::int64_t i = 0; i < count; ++i)
      similarity.push_back(features[query].dot(features[i]).item<float>());
    std::stable_sort(others.begin(), others.end(), [&](auto a, auto b) {
      return similarity[static_cast<std::size_t>(a)] > similarity[static_cast<std::size_t>(b)];
    });
    double hits = 0, precision_sum = 0;
    bool in_five = false;
    for (std::size_t rank = 0; rank < others.size(); ++rank) {
      if (labels[others[rank]].item<std::int64_t>() != labels[query].item<std::int64_t>()) continue;
      hits += 1;
      precision_sum += hits / static_cast<double>(rank + 1);
      in_five = in_five || rank < 5;
      if (rank == 0) scores.rank1 += 1;
    }
    scores.rank5 += in_five;
    if (hits > 0) scores.mean_average_precision += precision_sum / hits;
  }
  const double scale = 100.0 / static_cast<double>(count);
  scores.rank1 *= scale;
  scores.rank5 *= scale;
  scores.mean_average_precision *= scale;
  return scores;
}

TEST(Retrieval, AgreesWithBruteForceForEveryChunk) {
  // Whole numbers: exact in float32, and full of ties.
  const auto features = (random_normal({41, 6}, 0, "features") * 1.5).round();
  // Some classes have one member.
  const auto labels = (random_normal({41}, 0, "labels") * 2).round().to(torch::kLong);
  const auto expected = brute_force(features, labels);
  EXPECT_GT(expected.rank5, expected.rank1);
  const auto lonely =
      (labels.unsqueeze(0) == labels.unsqueeze(1)).sum(1).eq(1).sum().item<std::int64_t>();
  EXPECT_GT(lonely, 0);
  for (const std::int64_t chunk : {1, 7, 41, 256}) {
    const auto actual = leave_one_out_retrieval(features.to(testing::test_device()),
                                                labels.to(testing::test_device()), chunk);
    EXPECT_DOUBLE_EQ(actual.rank1, expected.rank1) << chunk;
    EXPECT_DOUBLE_EQ(actual.rank5, expected.rank5) << chunk;
    EXPECT_NEAR(actual.mean_average_precision, expected.mean_average_precision, 1e-10) << chunk;
    EXPECT_EQ(actual.without_match, lonely) << chunk;
    EXPECT_DOUBLE_EQ(actual.rank[0], actual.rank1);
    EXPECT_TRUE(std::is_sorted(actual.rank.begin(), actual.rank.end()));
    // The whole list.
    EXPECT_NEAR(actual.rank[kMaxRank - 1], 100.0 * static_cast<double>(41 - lonely) / 41, 1e-9);
  }
}

TEST(Retrieval, EqualsThePerQueryProcedure) {
  const WeightFile golden = read_safetensors(std::filesystem::path(LCR_SOURCE_DIR) /
                                             "tests/golden/retrieval.safetensors");
  const auto scores =
      leave_one_out_retrieval(read_tensor(golden, "features").to(testing::test_device()),
                              read_tensor(golden, "labels").to(testing::test_device()));
  const auto expected = read_tensor(golden, "scores");
  EXPECT_NEAR(scores.rank1, expected[0].item<double>(), 1e-6);
  EXPECT_NEAR(scores.rank5, expected[1].item<double>(), 1e-6);
  EXPECT_NEAR(scores.mean_average_precision, expected[2].item<double>(), 1e-6);
}

TEST(Retrieval, RanksShareTheQueries) {
  const auto features = random_normal({300, 16}, 0, "features");
  const auto labels = torch::arange(300).remainder(9);
  for (const std::int64_t chunk : {64, 256}) {
    // With chunks of 256, two of three ranks or more have no query.
    for (const int size : {2, 3, 5})
      testing::run_ranks_on_test_device(size, [&](const ProcessGroup& ranks) {
        const torch::Device device = testing::rank_device(ranks.rank(), size);
        const auto own = features.to(device), classes = labels.to(device);
        const auto expected = leave_one_out_retrieval(own, classes, chunk);
        const auto actual = leave_one_out_retrieval(own, classes, chunk, ranks);
        EXPECT_EQ(actual.rank, expected.rank) << size;
        EXPECT_TRUE(testing::agree(actual.mean_average_precision, expected.mean_average_precision))
            << size;
        EXPECT_EQ(actual.without_match, expected.without_match) << size;
      });
  }
}

TEST(Retrieval, BadInputIsRefused) {
  const auto features = random_normal({4, 3}, 0, "x");
  const auto labels = torch::arange(4);
  testing::expect_user_error([&] { leave_one_out_retrieval(features / 0, labels); }, "NaN");
  testing::expect_user_error(
      [&] { leave_one_out_retrieval(features.narrow(0, 0, 1), labels.narrow(0, 0, 1)); },
      "at least 2");
}

TEST(Retrieval, PerfectAndHopelessFeatures) {
  const auto labels = torch::tensor({0, 0, 1, 1, 2, 2}, torch::kLong);
  const auto perfect = torch::one_hot(labels, 3).to(torch::kFloat32);
  EXPECT_DOUBLE_EQ(leave_one_out_retrieval(perfect, labels).rank1, 100);
  EXPECT_DOUBLE_EQ(leave_one_out_retrieval(perfect, labels).mean_average_precision, 100);
  EXPECT_DOUBLE_EQ(leave_one_out_retrieval(perfect, torch::arange(6)).rank5, 0);
  // Fewer than five others.
  EXPECT_DOUBLE_EQ(leave_one_out_retrieval(perfect.narrow(0, 0, 2), labels.narrow(0, 0, 2)).rank5,
                   100);
}

TEST(Features, PoolingsFollowTheirDefinitions) {
  const Dataset data = make_synth_birds({.classes = 2,
                                         .train_per_class = 1,
                                         .test_per_class = 4,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const Options options = testing::tiny_options();
  const torch::Device device = testing::test_device();
  const auto method = make_method(options, 0);
  method->to(device);
  method->train();
  // So that BN statistics are not the initial ones.
  method->step({{testing::tiny_batch("q").to(device), testing::tiny_batch("k").to(device)}, {}, 0});
  const EvaluatedNetwork network{method->encoder(), method->gfb(), nullptr, options, device, 1};
  auto features = extract_features(network, data.test, test_views(data.test, options),
                                   {"average", "attention"});
  ASSERT_EQ(features["average"].sizes(), (std::vector<std::int64_t>{8, 32}));
  EXPECT_TRUE(torch::allclose(features["average"].norm(2, 1), torch::ones(8, device)));
  EXPECT_TRUE(torch::allclose(features["attention"].norm(2, 1), torch::ones(8, device)));
  EXPECT_FALSE(torch::allclose(features["average"], features["attention"]));
  EXPECT_TRUE(method->is_training()) << "evaluation must restore the mode";
  EXPECT_TRUE(method->encoder()->is_training());

  // With the mask per image no image depends on the others of its batch: the first half alone gives
  // the same.
  ImageSet half = data.test;
  half.labels.resize(4);
  half.pixels.resize(half.pixels.size() / 2);
  half.masks.resize(half.masks.size() / 2);
  auto alone = extract_features(network, half, test_views(half, options), {"attention"});
  EXPECT_TRUE(
      torch::allclose(alone["attention"], features["attention"].narrow(0, 0, 4), 1e-4, 1e-5));

  const auto pixels = raw_pixel_features(data.test, options, device, 1);
  EXPECT_EQ(pixels.sizes(), (std::vector<std::int64_t>{8, 3 * 24 * 24}));
}

TEST(Features, RanksThatShareTheViewsGetWhatOneComputes) {
  // Three batches, the last one smaller.
  const Dataset data = make_synth_birds({.classes = 2,
                                         .train_per_class = 1,
                                         .test_per_class = 150,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  Options options = testing::tiny_options();
  options.get<EvaluationOptions>().eval_mask_norm = "batch";
  const std::vector<std::string> poolings = {"average", "attention"};
  const auto extract = [&](const ProcessGroup& ranks) {
    const torch::Device device = testing::rank_device(ranks.rank(), ranks.size());
    const auto method = make_method(options, 0);
    method->to(device);
    const EvaluatedNetwork network{
        method->encoder(), method->gfb(), nullptr, options, device, 1, ranks};
    return extract_features(network, data.test, test_views(data.test, options), poolings);
  };
  const auto wanted = extract(ProcessGroup());
  for (const int ranks : {2, 3, 5})
    testing::run_ranks_on_test_device(ranks, [&](const ProcessGroup& group) {
      for (const auto& [pooling, features] : extract(group))
        EXPECT_TRUE(testing::agree(features.cpu(), wanted.at(pooling).cpu()))
            << pooling << ", rank " << group.rank() << " of " << ranks;
    });
}

}  // namespace
}  // namespace lcr
