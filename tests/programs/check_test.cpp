// lcr-check as users and CI run it: from trained runs to a verdict.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lcr/base/csv.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/record/results_csv.h"
#include "tests/support/files.h"
#include "tests/support/programs.h"

namespace lcr {
namespace {

using testing::Outcome;

class CheckProgram : public testing::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write_fashion("data");
    train("pool", "10,11,12,13,14,15", "");
    ASSERT_EQ(run("lcr-check record --results pool --reference reference/tiny").code, 0);
  }
  void train(const std::string& results, const std::string& seeds, const std::string& more) {
    const Outcome outcome = run(tiny.substr(0, tiny.find("--seeds")) + "--seeds " + seeds +
                                " --rows Ours --results " + results + " " + more);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
  }
  /// Adds to every value of a metric.
  void bend(const std::string& results, const std::string& metric, double change) {
    auto rows = read_results(folder / results / "c1.csv");
    for (auto& row : rows)
      if (row[result_column("metric")] == metric)
        row[result_column("value")] =
            format_number(*parse_number(row[result_column("value")]) + change);
    write_results(folder / results / "c1.csv", rows);
  }
};

TEST_F(CheckProgram, GatesTrainedRuns) {
  train("candidate", "0,1,2", "");
  const std::string check = "lcr-check metrics --reference reference/tiny --candidate candidate ";
  const Outcome good = run(check + "--markdown out.md --junit out.xml --json out.json");
  EXPECT_EQ(good.code, 0) << good.out << good.err;
  EXPECT_NE(good.out.find("mean_average_precision"), std::string::npos) << good.out;
  EXPECT_NE(good.out.find("kl_loss"), std::string::npos) << good.out;
  const auto json = nlohmann::json::parse(read_text(folder / "out.json"));
  EXPECT_EQ(json.at("bad"), 0);
  EXPECT_GE(json.at("lines").size(), 4U);  // mAP of two poolings, two losses
  EXPECT_NE(read_text(folder / "out.xml").find("<testcase"), std::string::npos);
  EXPECT_NE(read_text(folder / "out.md").find("| pass | c1 |"), std::string::npos);

  bend("candidate", "mean_average_precision", -30);
  const Outcome bad = run(check);
  EXPECT_EQ(bad.code, 1) << bad.out;
  for (const char* part :
       {"regressed", "mean_average_precision", "down ", "p = ", "below the floor"})
    EXPECT_NE(bad.out.find(part), std::string::npos) << part << bad.out;

  // Trained under other options: refused by name.
  train("other", "0,1,2", "--lr 0.011");
  const Outcome other = run("lcr-check metrics --reference reference/tiny --candidate other");
  EXPECT_EQ(other.code, 2) << other.out;
  EXPECT_NE(other.err.find("lr: 0.03 there, 0.011 here"), std::string::npos) << other.err;

  // One seed.
  train("one", "0", "");
  const Outcome one = run("lcr-check metrics --reference reference/tiny --candidate one");
  EXPECT_EQ(one.code, 0) << one.out;
  EXPECT_NE(one.out.find("undecided"), std::string::npos) << one.out;
  EXPECT_EQ(run("lcr-check metrics --strict --reference reference/tiny --candidate one").code, 1);
}

TEST(Defects, StillFitTheSources) {
  // ci/power_study.sh applies these patches: a change of the patched lines must adapt them.
  int patches = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(LCR_SOURCE_DIR) / "ci/defects")) {
    ++patches;
    const std::string command = "cd '" + std::string(LCR_SOURCE_DIR) + "' && git apply --check '" +
                                entry.path().string() + "'";
    EXPECT_EQ(std::system(command.c_str()), 0) << entry.path();
  }
  EXPECT_GE(patches, 8);
}

TEST_F(CheckProgram, SaysWhatResultsSayToClaims) {
  const Outcome claims = run("lcr-check claims --results pool --markdown claims.md");
  EXPECT_EQ(claims.code, 0) << claims.err;
  EXPECT_NE(claims.out.find("not run"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(folder / "claims.md"));
}

TEST_F(CheckProgram, RecordsAndComparesSpeeds) {
  ASSERT_EQ(run("lcr-check record --speed --results pool --reference reference/tiny").code, 0);
  const std::string check = "lcr-check throughput --reference reference/tiny --candidate pool";
  const Outcome same = run(check);
  EXPECT_EQ(same.code, 0) << same.out;
  EXPECT_NE(same.out.find("samples/s"), std::string::npos) << same.out;
  auto rows = read_results(folder / "pool/c1.csv");
  for (auto& row : rows)
    row[result_column("samples_per_second")] =
        format_number(*parse_number(row[result_column("samples_per_second")]) / 100);
  write_results(folder / "pool/c1.csv", rows);
  const Outcome slow = run(check);
  EXPECT_EQ(slow.code, 1) << slow.out;
  EXPECT_NE(slow.out.find("slower"), std::string::npos) << slow.out;
  for (auto& row : rows) row[result_column("device")] = "another CPU";
  write_results(folder / "pool/c1.csv", rows);
  const Outcome elsewhere = run(check);
  EXPECT_EQ(elsewhere.code, 0) << elsewhere.out;
  EXPECT_NE(elsewhere.out.find("other devices are not compared"), std::string::npos)
      << elsewhere.out;
}

TEST_F(CheckProgram, RefusesBadInputInOneLine) {
  const auto refused = [&](const std::string& command, const std::string& part) {
    SCOPED_TRACE(command);
    const Outcome outcome = run("lcr-check " + command);
    EXPECT_EQ(outcome.code, 2) << outcome.out;
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  };
  refused("", "say metrics");
  refused("metrics --candidate pool", "needs --reference");
  refused("metrics --reference nowhere --candidate pool", "no such reference");
  refused("metrics --reference reference/tiny --candidate nowhere", "no such results folder");
  refused("metrics --reference reference/tiny --candidate pool --alpha 2", "alpha");
  refused("metrics --reference reference/tiny --candidate pool --pool pool",
          "--pool does not apply to 'metrics'");
  refused("record --results pool --reference r --fewest 50", "has 50 seeds");
  refused("throughput --reference reference/tiny", "--benchmarks FILE.json, or both");
  refused("throughput --reference reference/tiny --candidate pool",
          "throughput.json: no such reference");
  refused("record --results pool --reference r --benchmarks b.json",
          "--benchmarks goes with --speed");
  refused("record --speed --results pool --reference r --fewest 9",
          "do not apply to record --speed");
  refused("claims --results nowhere", "no such results folder");
  refused("study --pool pool", "need 25");
  refused("study --pool pool --reference-seeds -1", "reference-seeds = -1");
  refused("study --pool pool --candidate-seeds ''", "candidate-seeds");
  refused("metrics --alpha", "--help lists");
  EXPECT_EQ(run("lcr-check --help").code, 0);
}

}  // namespace
}  // namespace lcr
