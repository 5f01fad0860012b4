// kNN and the linear probe, against their definitions.
#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/base/rng.h"
#include "lcr/evaluate/knn.h"
#include "lcr/evaluate/linear_probe.h"
#include "tests/support/files.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

using testing::expect_user_error;

torch::Tensor labels_of(std::int64_t count, std::int64_t classes) {
  return torch::arange(count) % classes;
}

TEST(Knn, AgreesWithBruteForce) {
  const auto by_row = torch::nn::functional::NormalizeFuncOptions().dim(1);
  const auto train = torch::nn::functional::normalize(random_normal({60, 5}, 0, "train"), by_row);
  const auto test = torch::nn::functional::normalize(random_normal({23, 5}, 0, "test"), by_row);
  const auto train_labels = labels_of(60, 7);
  const auto test_labels = labels_of(23, 7);
  for (const std::int64_t k : {1, 9, 60}) {
    double top1 = 0, top5 = 0;
    for (std::int64_t q = 0; q < 23; ++q) {
      std::vector<std::pair<double, std::int64_t>> near;
      for (std::int64_t i = 0; i < 60; ++i)
        near.emplace_back(-test[q].dot(train[i]).item<double>(), i);
      std::sort(near.begin(), near.end());
      std::vector<double> votes(7);
      for (std::int64_t i = 0; i < k; ++i) {
        const auto& [negative_similarity, neighbour] = near[static_cast<std::size_t>(i)];
        votes[static_cast<std::size_t>(neighbour % 7)] += std::exp(-negative_similarity / 0.1);
      }
      const double own = votes[static_cast<std::size_t>(q % 7)];
      // Classes ranked before the query's: more votes, or as many and a lower number.
      int before = 0;
      for (std::int64_t c = 0; c < 7; ++c)
        before += votes[static_cast<std::size_t>(c)] > own ||
                  (votes[static_cast<std::size_t>(c)] == own && c < q % 7);
      top1 += before == 0;
      top5 += before < 5;
    }
    for (const std::int64_t chunk : {5, 256}) {
      const auto device = testing::test_device();
      const KnnScores scores =
          knn_classify(train.to(device), train_labels.to(device), test.to(device),
                       test_labels.to(device), 7, k, 0.1, chunk);
      EXPECT_NEAR(scores.top1, 100 * top1 / 23, 1e-9) << k;
      EXPECT_NEAR(scores.top5, 100 * top5 / 23, 1e-9) << k;
    }
  }
}

TEST(Knn, BadInputIsRefused) {
  const auto features = random_normal({4, 3}, 0, "x");
  const auto labels = labels_of(4, 2);
  expect_user_error([&] { knn_classify(features, labels, features, labels, 2, 5, 0.1); }, "k = 5",
                    "4");
  expect_user_error([&] { knn_classify(features, labels, features, labels, 2, 0, 0.1); }, "k = 0");
  expect_user_error([&] { knn_classify(features, labels, features / 0, labels, 2, 1, 0.1); },
                    "NaN");
}

TEST(LinearProbe, SeparableFeaturesAreLearnedAndShuffledLabelsAreChance) {
  const std::int64_t classes = 10;
  const auto noisy = [&](std::int64_t count, const char* which) {
    return torch::nn::functional::normalize(
        torch::one_hot(labels_of(count, classes), 32).to(torch::kFloat32) +
            0.1 * random_normal({count, 32}, 1, which),
        torch::nn::functional::NormalizeFuncOptions().dim(1));
  };
  const auto train = noisy(400, "train");
  const auto test = noisy(2000, "test");
  const auto probe = [&](const torch::Tensor& labels, std::uint64_t seed) {
    return linear_probe(train, labels, test, labels_of(2000, classes), classes,
                        ProbeOptions{.epochs = 20, .milestones = {12, 16}}, seed);
  };
  const ProbeScores good = probe(labels_of(400, classes), 0);
  EXPECT_EQ(good.last_top1, 100);
  EXPECT_EQ(good.last_top5, 100);
  EXPECT_EQ(good.best_top1, 100);
  const auto shuffled = random_permutation(CounterRng(RngKey(0, "shuffle")), 400);
  const ProbeScores chance =
      probe(labels_of(400, classes).index_select(0, torch::tensor(shuffled)), 0);
  EXPECT_LT(chance.last_top1, 25);
  EXPECT_GE(chance.best_top1, chance.last_top1);
  // The seed determines the result.
  EXPECT_EQ(probe(labels_of(400, classes), 3).best_epoch,
            probe(labels_of(400, classes), 3).best_epoch);
}

TEST(LinearProbe, StepsAreTorchs) {
  const std::int64_t classes = 4;
  const auto train = random_normal({24, 6}, 0, "train");
  const auto test = random_normal({50, 6}, 0, "test");
  const auto labels = labels_of(24, classes);
  const auto test_labels = labels_of(50, classes);
  const ProbeOptions options{.epochs = 3,
                             .batch_size = 10,
                             .lr = 2,
                             .momentum = 0.9,
                             .weight_decay = 0.01,
                             .milestones = {2}};
  const ProbeScores ours = linear_probe(train, labels, test, test_labels, classes, options, 5);
  // The same with torch's functions, loss and optimiser.
  auto weight = (random_normal({6, classes}, 5, "linear probe") * 0.01).requires_grad_(true);
  auto bias = torch::zeros({classes}).requires_grad_(true);
  torch::optim::SGD sgd({weight, bias},
                        torch::optim::SGDOptions(2).momentum(0.9).weight_decay(0.01));
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    static_cast<torch::optim::SGDOptions&>(sgd.param_groups()[0].options()).lr(epoch < 2 ? 2 : 0.2);
    const CounterRng rng(RngKey(5, "linear probe order"), static_cast<std::uint32_t>(epoch));
    const auto order = torch::tensor(random_permutation(rng, 24));
    for (const auto& rows : order.split(10)) {
      sgd.zero_grad();
      const auto logits = torch::addmm(bias, train.index_select(0, rows), weight);
      torch::nn::functional::cross_entropy(logits, labels.index_select(0, rows)).backward();
      sgd.step();
    }
  }
  const auto correct = torch::addmm(bias, test, weight).argmax(1).eq(test_labels);
  const double accuracy = correct.to(torch::kDouble).mean().item<double>() * 100;
  EXPECT_NEAR(ours.last_top1, accuracy, 1e-9);
}

TEST(LinearProbe, BadInputIsRefused) {
  const auto features = random_normal({8, 3}, 0, "x");
  const auto labels = labels_of(8, 2);
  expect_user_error([&] { linear_probe(features, labels, features / 0, labels, 2, {}, 0); }, "NaN");
  expect_user_error([&] { linear_probe(features / 0, labels, features, labels, 2, {}, 0); }, "NaN");
  expect_user_error(
      [&] {
        linear_probe(features * 1e20, labels, features, labels, 2, {.epochs = 5, .lr = 1e30}, 0);
      },
      "learning rate");
}

TEST(StratifiedShare, TakesTheShareOfEveryClass) {
  std::vector<std::int64_t> labels;
  for (int i = 0; i < 30; ++i) labels.push_back(0);
  for (int i = 0; i < 11; ++i) labels.push_back(1);
  labels.push_back(7);
  const auto count = [&](const std::vector<std::int64_t>& chosen, std::int64_t label) {
    return std::count_if(chosen.begin(), chosen.end(),
                         [&](auto i) { return labels[static_cast<std::size_t>(i)] == label; });
  };
  const auto fifth = stratified_share(labels, 0.2, 0);
  EXPECT_EQ(count(fifth, 0), 6);
  EXPECT_EQ(count(fifth, 1), 2);
  EXPECT_EQ(count(fifth, 7), 1);  // every class keeps at least one image
  EXPECT_TRUE(std::is_sorted(fifth.begin(), fifth.end()));
  EXPECT_EQ(std::set<std::int64_t>(fifth.begin(), fifth.end()).size(), fifth.size());
  EXPECT_EQ(stratified_share(labels, 0.2, 0), fifth);
  EXPECT_NE(stratified_share(labels, 0.2, 1), fifth);
  EXPECT_EQ(stratified_share(labels, 1, 0).size(), labels.size());
  expect_user_error([&] { stratified_share(labels, 0, 0); }, "share of 0");
  expect_user_error([&] { stratified_share(labels, 1.1, 0); }, "1.1");
}

}  // namespace
}  // namespace lcr
