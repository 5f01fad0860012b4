#include "lcr/record/claims.h"

#include <functional>
#include <map>

#include <gtest/gtest.h>

#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/record/results_csv.h"
#include "tests/support/files.h"

namespace lcr {
namespace {

using testing::TemporaryFolder;

ResultRow make_row(const std::string& name, int seed, double value, const std::string& options = "",
                   const std::string& metric = "rank1") {
  ResultRow row;
  const auto set = [&](const char* column, const std::string& text) {
    row[result_column(column)] = text;
  };
  set("schema", "1");
  set("experiment", "y1");
  set("row", name);
  set("dataset", "synthbirds");
  set("options", options);
  set("seed", std::to_string(seed));
  set("selection", "last");
  set("pooling", "average");
  set("metric", metric);
  set("value", format_number(value));
  set("run_hash", name + std::to_string(seed));
  return row;
}

/// "A is better than B" in a metric; the margin is for "equal".
Claim a_over_b(const std::string& metric, const std::string& relation = "greater") {
  return {.id = "y",
          .statement = "",
          .source = "",
          .experiment = "y1",
          .metric = metric,
          .selection = "last",
          .better_row = "A",
          .better_pooling = "average",
          .worse_row = "B",
          .worse_pooling = "average",
          .relation = relation,
          .margin = relation == "equal" ? 1. : 0.};
}

std::string verdict(const std::vector<double>& better, const std::vector<double>& worse,
                    const std::string& relation = "greater") {
  const TemporaryFolder folder;
  std::vector<ResultRow> rows;
  for (std::size_t i = 0; i < better.size(); ++i) {
    rows.push_back(make_row("A", static_cast<int>(i), better[i]));
    // Numbers of another kind, which must not count.
    rows.push_back(make_row("A", static_cast<int>(i), 0, "bn-statistics=recalibrated"));
    rows.push_back(make_row("A", static_cast<int>(i), 0, "variant=x;eval-mask-norm=batch"));
  }
  for (std::size_t i = 0; i < worse.size(); ++i)
    rows.push_back(make_row("B", static_cast<int>(i), worse[i]));
  write_results(folder / "y1.csv", rows);
  return judge({a_over_b("probe|rank1", relation)}, folder.path()).at(0).verdict;
}

TEST(Claims, VerdictsFollowTheNumbers) {
  EXPECT_EQ(verdict({80, 81, 82}, {70, 71, 72}), "holds");
  EXPECT_EQ(verdict({70, 71, 72}, {80, 81, 82}), "fails");
  EXPECT_EQ(verdict({70, 75, 80}, {71, 74, 79}), "undecided");
  EXPECT_EQ(verdict({80, 81}, {70, 71}), "undecided") << "two runs decide nothing";
  EXPECT_EQ(verdict({80}, {}), "not run");
  EXPECT_EQ(verdict({70, 70.1, 69.9}, {70, 70.1, 70.2}, "equal"), "holds");
  EXPECT_EQ(verdict({70, 70.1, 69.9}, {80, 80.1, 80.2}, "equal"), "fails");
  EXPECT_EQ(verdict({70, 73, 67}, {70, 71, 72}, "equal"), "undecided");
}

ClaimVerdict judge_sides(const std::map<int, double>& better, const std::map<int, double>& worse,
                         const std::function<void(std::vector<ResultRow>&)>& change = {}) {
  const TemporaryFolder folder;
  std::vector<ResultRow> rows;
  for (const auto& [seed, value] : better) rows.push_back(make_row("A", seed, value));
  for (const auto& [seed, value] : worse) rows.push_back(make_row("B", seed, value));
  if (change) change(rows);
  write_results(folder / "y1.csv", rows);
  return judge({a_over_b("rank1")}, folder.path()).at(0);
}

TEST(Claims, SeedsArePaired) {
  // The spread of each row hides the difference; the pairs show it (p = 0.007 instead of 0.07).
  const ClaimVerdict v =
      judge_sides({{0, 48.1}, {1, 56.0}, {2, 58.3}}, {{0, 42.3}, {1, 48.4}, {2, 49.5}});
  EXPECT_EQ(v.verdict, "holds");
  EXPECT_TRUE(v.paired);
  EXPECT_EQ(v.n, 3U);
  EXPECT_NEAR(v.difference, 7.4, 1e-9);
  EXPECT_NEAR(v.p, 0.00698, 2e-4);
  EXPECT_LT(v.interval.low, 7.4);
  EXPECT_NEAR(v.adjusted_p, v.p, 1e-12) << "one claim";

  // By seed, not by place.
  const ClaimVerdict moved =
      judge_sides({{2, 58.3}, {0, 48.1}, {1, 56.0}, {9, 1.0}}, {{1, 48.4}, {2, 49.5}, {0, 42.3}});
  EXPECT_NEAR(moved.p, v.p, 1e-12);
  EXPECT_NE(moved.reason.find("without a partner: 1 run"), std::string::npos) << moved.reason;

  // Other seeds: Welch's test, and the verdict says so.
  const ClaimVerdict apart = judge_sides({{0, 80}, {1, 81}, {2, 82}}, {{3, 70}, {4, 71}, {5, 72}});
  EXPECT_EQ(apart.verdict, "holds");
  EXPECT_FALSE(apart.paired);
  EXPECT_NE(apart.reason.find("unpaired"), std::string::npos);

  // Two common seeds, and a third on one side only, decide nothing.
  EXPECT_EQ(judge_sides({{0, 80}, {1, 81}, {2, 82}}, {{0, 70}, {1, 71}}).verdict, "undecided");

  const ClaimVerdict open = judge_sides({{0, 50}, {1, 52}, {2, 54}}, {{0, 50}, {1, 50}, {2, 52.5}});
  EXPECT_EQ(open.verdict, "undecided");
  EXPECT_GT(open.pairs_needed, 3U);
  EXPECT_NE(open.reason.find("pairs would decide"), std::string::npos) << open.reason;
}

TEST(Claims, BadResultsAreRefused) {
  const std::map<int, double> a = {{0, 80}, {1, 81}, {2, 82}}, b = {{0, 70}, {1, 71}, {2, 72}};
  const auto refused = [&](const char* column, const char* text, const char* part) {
    testing::expect_user_error(
        [&] { judge_sides(a, b, [&](auto& rows) { rows[1][result_column(column)] = text; }); },
        part);
  };
  refused("value", "nan", "not a finite number");
  refused("value", "inf", "not a finite number");
  refused("value", "", "not a finite number");
  refused("seed", "x", "seed 'x'");
  refused("run_hash", "A0", "several settings");
  refused("config_hash", "other", "another configuration at seed 1");
}

TEST(Claims, DataSetsAreJudgedApartAndSeedsCountOnce) {
  const TemporaryFolder folder;
  const Claim claim = a_over_b("rank1");
  std::vector<ResultRow> rows;
  const auto add = [&](const std::string& dataset, const std::string& name, int seed, double value,
                       const std::string& run) {
    rows.push_back(make_row(name, seed, value));
    rows.back()[result_column("dataset")] = dataset;
    rows.back()[result_column("run_hash")] = dataset + name + std::to_string(seed) + run;
  };
  for (const char* dataset : {"one", "two", "three"}) {
    add(dataset, "A", 0, 90, "");
    add(dataset, "B", 0, 50, "");
  }
  for (const char* run : {"a", "b", "c"}) add("four", "A", 0, 90, run);
  for (int seed = 0; seed < 3; ++seed) add("four", "B", seed, 50 + seed, "");
  write_results(folder / "y1.csv", rows);
  const auto verdicts = judge({claim}, folder.path());
  ASSERT_EQ(verdicts.size(), 4U);
  for (const auto& verdict : verdicts)
    EXPECT_EQ(verdict.verdict, "undecided") << verdict.dataset << ": " << verdict.reason;
}

TEST(Claims, TheShippedOnesAreReadable) {
  const auto claims =
      read_claims(std::filesystem::path(LCR_SOURCE_DIR) / "results/paper/claims.csv");
  EXPECT_GE(claims.size(), 14U);
  const TemporaryFolder folder;
  EXPECT_EQ(judge({claims.front()}, folder.path()).at(0).verdict, "not run");
  write_atomic(folder / "bad.csv",
               "id,statement,source,experiment,metric,selection,better_row,better_pooling,worse_"
               "row,worse_pooling,relation,margin\na,b,c,d,e,f,g,h,i,j,equal,\n");
  testing::expect_user_error([&] { read_claims(folder / "bad.csv"); }, "margin");
}

}  // namespace
}  // namespace lcr
