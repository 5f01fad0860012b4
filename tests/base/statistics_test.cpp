// Statistics against SciPy (tests/golden/statistics.json) and against their definitions.
#include "lcr/base/statistics.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lcr/base/files.h"

namespace lcr {
namespace {

nlohmann::json goldens() {
  return nlohmann::json::parse(
      read_text(std::filesystem::path(LCR_SOURCE_DIR) / "tests/golden/statistics.json"));
}

TEST(Statistics, AgreeWithSciPy) {
  const auto all = goldens();
  int exact = 0;
  for (const auto& test : all.at("tests")) {
    const auto a = test.at("a").get<std::vector<double>>();
    const auto b = test.at("b").get<std::vector<double>>();
    EXPECT_NEAR(welch_p_greater(a, b), test.at("welch_greater").get<double>(), 1e-10);
    if (test.contains("unchanged_greater")) {
      EXPECT_NEAR(unchanged_p_greater(a, b), test.at("unchanged_greater").get<double>(), 1e-6)
          << a.size() << " against " << b.size();
      ++exact;
    }
    EXPECT_NEAR(mann_whitney_p_less(a, b), test.at("mann_whitney_less").get<double>(), 1e-10)
        << a.size() << " against " << b.size();
  }
  EXPECT_GT(exact, 5);
  for (const auto& c : all.at("clopper_pearson")) {
    const Proportion interval = clopper_pearson(c.at("k"), c.at("n"));
    EXPECT_NEAR(interval.low, c.at("low").get<double>(), 1e-9);
    EXPECT_NEAR(interval.high, c.at("high").get<double>(), 1e-9);
  }
  const auto& prediction = all.at("prediction");
  const auto reference = prediction.at("reference").get<std::vector<double>>();
  EXPECT_NEAR(prediction_margin(reference, 3, prediction.at("level")),
              prediction.at("margin").get<double>(), 1e-9);
}

TEST(Statistics, PairedTestsAgreeWithSciPy) {
  const auto all = goldens();
  for (const auto& test : all.at("paired")) {
    const auto differences = test.at("differences").get<std::vector<double>>();
    EXPECT_NEAR(paired_p_greater(differences, test.at("margin")),
                test.at("p_greater").get<double>(), 1e-10);
    const Interval interval = paired_interval(differences);
    EXPECT_NEAR(interval.low, test.at("low").get<double>(), 1e-9);
    EXPECT_NEAR(interval.high, test.at("high").get<double>(), 1e-9);
  }
  const auto& welch = all.at("welch_interval");
  const Interval interval = welch_interval(welch.at("a").get<std::vector<double>>(),
                                           welch.at("b").get<std::vector<double>>());
  EXPECT_NEAR(interval.low, welch.at("low").get<double>(), 1e-9);
  EXPECT_NEAR(interval.high, welch.at("high").get<double>(), 1e-9);
  for (const auto& needed : all.at("pairs_needed"))
    EXPECT_EQ(pairs_needed(needed.at("effect"), 0.05, 0.8), needed.at("pairs").get<std::size_t>());
  EXPECT_EQ(pairs_needed(0, 0.05, 0.8), 0U);
  EXPECT_EQ(pairs_needed(0.01, 0.05, 0.8), 0U) << "more than 1,000";
  EXPECT_TRUE(std::isnan(paired_p_greater(std::vector{1.0})));
  EXPECT_EQ(paired_p_greater(std::vector{1.0, 1.0}), 0);
}

TEST(Statistics, HolmStepsDown) {
  // By hand: 0.01 x 4, 0.02 x 3, then never below the one before.
  const std::vector<double> p = {0.02, 0.5, 0.01, 0.03};
  const auto adjusted = holm(p);
  EXPECT_DOUBLE_EQ(adjusted[2], 0.04);
  EXPECT_DOUBLE_EQ(adjusted[0], 0.06);
  EXPECT_DOUBLE_EQ(adjusted[3], 0.06);
  EXPECT_DOUBLE_EQ(adjusted[1], 0.5);
  EXPECT_TRUE(holm({}).empty());
}

TEST(Statistics, ValuesNeededReachThePower) {
  const std::size_t n = values_needed(1.5, 20, 0.01, 0.8);
  ASSERT_GT(n, 2U);
  EXPECT_GE(unchanged_power(1.5, n, 20, 0.01), 0.8);
  EXPECT_LT(unchanged_power(1.5, n - 1, 20, 0.01), 0.8);
  // Without an effect the power is the level.
  EXPECT_NEAR(unchanged_power(0, 3, 20, 0.01), 0.01, 1e-4);
  EXPECT_EQ(values_needed(0, 20, 0.01, 0.8), 0U);
  EXPECT_EQ(values_needed(0.01, 2, 0.01, 0.8), 0U);  // no number suffices against two seeds
}

TEST(Statistics, TheGatesTestKeepsItsLevelWithThreeAgainstTwenty) {
  // Welch's own approximation does not.
  std::mt19937 random(3);
  std::normal_distribution<> normal;
  int exact = 0, approximate = 0;
  constexpr int kTrials = 20'000;
  for (int i = 0; i < kTrials; ++i) {
    std::vector<double> a(3), b(20);
    for (auto& x : a) x = normal(random);
    for (auto& x : b) x = normal(random);
    approximate += welch_p_greater(a, b) < 0.005;
    // In this tail the exact p exceeds the approximate one, so it is computed only if that is
    // small.
    if (welch_p_greater(a, b) < 0.02) exact += unchanged_p_greater(a, b) < 0.005;
  }
  EXPECT_NEAR(exact, kTrials * 0.005, 35);  // 3.5 standard deviations
  EXPECT_GT(approximate, kTrials * 0.01);
}

TEST(Statistics, MedianOfEvenAndOddCounts) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_TRUE(std::isnan(median({})));
}

}  // namespace
}  // namespace lcr
