// The gates of lcr-check: what they catch, what they let through, and what they refuse.
#include <functional>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ci/check_report.h"
#include "ci/metric_gate.h"
#include "ci/reference.h"
#include "ci/study.h"
#include "ci/throughput.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/experiment/control_options.h"
#include "lcr/record/claims.h"
#include "tests/support/files.h"

namespace lcr::check {
namespace {

using lcr::testing::expect_user_error;
using lcr::testing::TemporaryFolder;
using lcr::testing::write_bytes;

const std::string kConfig = "data=d\nepochs=3\nlr=0.1\n";

/// Writes results of two rows with three metrics each, over seeds from..to - 1; `change` alters a
/// value.
void write_pool(const std::filesystem::path& folder, std::uint64_t from, std::uint64_t to,
                const std::function<double(const std::string& metric, const std::string& row,
                                           double value)>& change = {},
                const std::string& config = kConfig) {
  std::filesystem::create_directories(folder);
  std::vector<ResultRow> rows;
  for (std::uint64_t seed = from; seed < to; ++seed)
    for (const std::string name : {"MoCo v2", "LCR"})
      for (const std::string metric : {"mean_average_precision", "rank1", "contrastive_loss"}) {
        std::mt19937 random(static_cast<unsigned>(seed * 131 + sha256_hex(name + metric)[0]));
        double value = metric == "contrastive_loss" ? std::normal_distribution<>(4, 0.02)(random)
                                                    : std::normal_distribution<>(50, 1)(random);
        if (change) value = change(metric, name, value);
        ResultRow row;
        row.fill("");
        const auto set = [&](const char* column, const std::string& text) {
          row[result_column(column)] = text;
        };
        set("schema", std::to_string(kResultsSchema));
        set("experiment", "main");
        set("row", name);
        set("dataset", "synthbirds");
        set("method", "x");
        set("seed", std::to_string(seed));
        set("selection", "last");
        set("pooling", metric == "contrastive_loss" ? "none" : "average");
        set("metric", metric);
        set("value", format_number(value));
        set("epoch", "3");
        set("run_hash", sha256_hex(name + std::to_string(seed)));
        set("config_hash", sha256_hex(config));
        set("evaluation_hash", "e");
        set("samples_per_second", format_number(100 + static_cast<double>(seed % 5)));
        set("commit", "c");
        set("device", "some CPU");
        rows.push_back(row);
      }
  write_results(folder / "main.csv", rows);
  write_configs(configs_file(folder, "main"), {{sha256_hex(config), config}});
}

class Gate : public ::testing::Test {
 protected:
  void SetUp() override { write_pool(folder / "pool", 100, 120); }
  Reference reference() {
    return make_reference(read_measured(folder / "pool"), kDefaultMetrics, 5);
  }
  std::vector<RowVerdict> gate(const std::string& candidate, GateOptions options = {}) {
    return gate_metrics(reference(), read_measured(folder / candidate), options);
  }
  static std::map<Verdict, int> counts(const std::vector<RowVerdict>& verdicts) {
    std::map<Verdict, int> counts;
    for (const auto& v : verdicts) ++counts[v.verdict];
    return counts;
  }
  TemporaryFolder folder;
};

TEST_F(Gate, PassesWhatDidNotChange) {
  write_pool(folder / "same", 0, 3);
  const auto verdicts = gate("same");
  // rank-1 is not among the default metrics.
  EXPECT_EQ(counts(verdicts), (std::map<Verdict, int>{{Verdict::kPass, 4}}));
  for (const auto& v : verdicts) {
    EXPECT_EQ(v.n, 3U);
    EXPECT_EQ(v.reference_n, 20U);
    EXPECT_GT(v.detectable, v.reference_sd);
  }
}

TEST_F(Gate, NamesTheMetricThatFellAndByHowMuch) {
  write_pool(folder / "worse", 0, 3,
             [](const std::string& metric, const std::string& row, double value) {
               return metric == "mean_average_precision" && row == "LCR" ? value - 8 : value;
             });
  const auto verdicts = gate("worse");
  EXPECT_EQ(counts(verdicts),
            (std::map<Verdict, int>{{Verdict::kPass, 3}, {Verdict::kRegressed, 1}}));
  for (const auto& v : verdicts)
    if (v.verdict == Verdict::kRegressed) {
      EXPECT_EQ(v.key.row, "LCR");
      EXPECT_EQ(v.key.metric, "mean_average_precision");
      EXPECT_TRUE(v.by_floor);
      EXPECT_NE(v.reason.find("down "), std::string::npos) << v.reason;
      EXPECT_NE(v.reason.find("below the floor"), std::string::npos) << v.reason;
    }
}

TEST_F(Gate, TrainingLossesMayNotMoveEitherWay) {
  for (const double shift : {-0.5, 0.5}) {
    write_pool(folder / "loss", 0, 3,
               [&](const std::string& metric, const std::string&, double value) {
                 return metric == "contrastive_loss" ? value + shift : value;
               });
    EXPECT_EQ(counts(gate("loss"))[Verdict::kRegressed], 2) << shift;
  }
}

TEST_F(Gate, ABetterScoreIsAReasonToRefreshTheReference) {
  write_pool(folder / "better", 0, 5,
             [](const std::string& metric, const std::string&, double value) {
               return metric == "mean_average_precision" ? value + 10 : value;
             });
  EXPECT_EQ(counts(gate("better")),
            (std::map<Verdict, int>{{Verdict::kPass, 2}, {Verdict::kImproved, 2}}));
}

TEST_F(Gate, SaysHowManySeedsWouldDecide) {
  // One seed decides nothing.
  write_pool(folder / "one", 0, 1,
             [](const std::string&, const std::string&, double value) { return value / 2; });
  for (const auto& v : gate("one")) {
    EXPECT_EQ(v.verdict, Verdict::kUndecided);
    EXPECT_EQ(v.seeds_needed, 3U);
  }
  // A drop that is significant alone but not among four rows, without the floors that would show
  // it.
  Reference without = reference();
  for (auto& row : without.rows) row.floor = row.ceiling = {};
  int undecided = 0;
  for (double drop = 0.2; drop < 3 && undecided == 0; drop += 0.1) {
    write_pool(folder / "some", 0, 6,
               [&](const std::string& metric, const std::string& row, double value) {
                 return metric == "mean_average_precision" && row == "LCR" ? value - drop : value;
               });
    for (const auto& v : gate_metrics(without, read_measured(folder / "some"), {})) {
      if (v.verdict != Verdict::kUndecided || v.key.row != "LCR" ||
          v.key.metric != "mean_average_precision")
        continue;
      ++undecided;
      EXPECT_GE(v.p, 0.04);
      EXPECT_GT(v.seeds_needed, 6U);
      EXPECT_NE(v.reason.find("seeds would decide"), std::string::npos) << v.reason;
    }
  }
  EXPECT_EQ(undecided, 1);
}

TEST_F(Gate, RefusesOtherConfigurationsAndNamesTheOption) {
  write_pool(folder / "other", 0, 3, {}, "data=d\nepochs=3\nlr=0.2\n");
  expect_user_error([&] { gate("other"); }, "another configuration", "lr: 0.1 there, 0.2 here");
  std::filesystem::remove(configs_file(folder / "other", "main"));
  expect_user_error([&] { gate("other"); }, "another configuration", "configs.json");
}

TEST_F(Gate, RefusesBadInput) {
  const auto broken = [&](const std::function<std::string(std::string)>& change,
                          const std::string& part) {
    write_pool(folder / "bad", 0, 3);
    write_bytes(folder / "bad/main.csv", change(read_text(folder / "bad/main.csv")));
    expect_user_error([&] { gate("bad"); }, part);
  };
  const auto replaced = [](const std::string& from, const std::string& to) {
    return [=](std::string text) { return text.replace(text.find(from), from.size(), to); };
  };
  const auto row_of = [](const std::string& text, const std::string& part) {
    const auto at = text.find(part);
    const auto begin = text.rfind('\n', at) + 1;
    return text.substr(begin, text.find('\n', at) + 1 - begin);
  };
  broken([&](std::string text) { return text + row_of(text, "mean_average_precision"); },
         "seed 0 occurs twice");
  broken(
      [&](std::string text) {
        std::string row = row_of(text, "mean_average_precision");
        auto cells = split(row, ',');
        cells[result_column("value")] = "nan";
        return text.replace(text.find(row), row.size(), join(cells, ","));
      },
      "'nan' is not a finite number");
  broken(replaced(",metric,", ",metrik,"), "metric");
  broken(
      [&](std::string text) {  // a row cut short
        const std::string row = row_of(text, "mean_average_precision");
        return text.replace(text.find(row), row.size(), "3,main,LCR\n");
      },
      "main.csv");
  broken([](std::string text) { return text.substr(0, text.find('\n') + 1); }, "was not measured");
  expect_user_error([&] { gate("absent"); }, "no such results folder");
  std::filesystem::create_directories(folder / "empty");
  expect_user_error([&] { gate("empty"); }, "holds no results");
}

TEST_F(Gate, ReferencesAreKeptByDateAndReadStrictly) {
  const auto place = folder / "reference";
  Reference first = reference();
  first.name = "smoke";
  first.recorded = "2020-01-02";
  write_reference(place, first);
  write_reference(place, reference());
  EXPECT_TRUE(std::filesystem::exists(place / "archive/metrics-2020-01-02.json"));
  first.recorded = "2020-01-02";
  write_reference(place, first);
  write_reference(place, reference());
  EXPECT_TRUE(std::filesystem::exists(place / "archive/metrics-2020-01-02-2.json"));
  const Reference read = read_reference(place);
  const Reference wanted = reference();
  ASSERT_EQ(read.rows.size(), wanted.rows.size());
  for (std::size_t i = 0; i < read.rows.size(); ++i) {
    EXPECT_EQ(read.rows[i].measured.key, wanted.rows[i].measured.key);
    EXPECT_EQ(read.rows[i].measured.values, wanted.rows[i].measured.values);
    EXPECT_EQ(read.rows[i].floor, wanted.rows[i].floor);
    EXPECT_EQ(read.rows[i].ceiling, wanted.rows[i].ceiling);
  }
  EXPECT_EQ(read.configs, wanted.configs);

  const std::string good = read_text(place / "metrics.json");
  const auto expect_refused = [&](const std::function<void(nlohmann::json&)>& change,
                                  const std::string& part) {
    auto json = nlohmann::json::parse(good);
    change(json);
    write_bytes(place / "metrics.json", json.dump());
    expect_user_error([&] { read_reference(place); }, part);
  };
  expect_refused([](auto& json) { json["format"] = 2; }, "has format 2");
  expect_refused([](auto& json) { json["rows"][0]["values"].push_back(1); },
                 "20 seeds, but 21 values");
  expect_refused(
      [](auto& json) {
        json["rows"][0]["values"] = {1};
        json["rows"][0]["seeds"] = {1};
      },
      "at least two seeds");
  expect_refused([](auto& json) { json["rows"][0]["seeds"][1] = json["rows"][0]["seeds"][0]; },
                 "a seed occurs twice");
  expect_refused([](auto& json) { json["rows"][0]["values"][0] = nullptr; }, "damaged");
  expect_refused([](auto& json) { json["rows"][0]["values"] = std::vector<double>(20, 0.1); },
                 "all its values are equal");
  expect_refused([](auto& json) { json["rows"][0]["direction"] = "sideways"; }, "sideways");
  expect_refused([](auto& json) { json.erase("configs"); }, "damaged");
  expect_refused([](auto& json) { json["rows"] = nlohmann::json::array(); }, "holds no rows");
  write_bytes(place / "metrics.json", good.substr(0, good.size() / 2));
  expect_user_error([&] { read_reference(place); }, "damaged");
  // Recording again repairs it, and keeps even the damaged file.
  write_reference(place, reference());
  EXPECT_NO_THROW(read_reference(place));
  EXPECT_TRUE(std::filesystem::exists(place / "archive/metrics-undated.json"));
}

TEST_F(Gate, RowsThatNoSeedChangesAreNoReference) {
  // Twenty times 23.456, whose computed standard deviation need not be 0.
  write_pool(folder / "constant", 0, 20,
             [](const std::string& metric, const std::string& row, double value) {
               return row == "LCR" && metric != "contrastive_loss" ? 23.456 : value;
             });
  for (const auto& row :
       make_reference(read_measured(folder / "constant"), kDefaultMetrics, 5).rows)
    EXPECT_FALSE(row.measured.key.row == "LCR" &&
                 row.measured.key.metric == "mean_average_precision");
  expect_user_error(
      [&] { make_reference(read_measured(folder / "pool"), "mean_avrage_precision,rank1", 5); },
      "no row has the metric 'mean_avrage_precision'");
}

TEST_F(Gate, StudyMeasuresFalseAlarmsAndPower) {
  write_pool(folder / "clean", 200, 320);
  write_pool(folder / "broken", 0, 15,
             [](const std::string& metric, const std::string&, double value) {
               return metric == "mean_average_precision" ? value - 5 : value;
             });
  const StudyOptions options{.resamples = 10};
  const auto rows = study_gate(read_measured(folder / "clean"),
                               {{"broken", read_measured(folder / "broken")}}, options);
  ASSERT_EQ(rows.size(), 4U);
  for (const auto& row : rows) {
    EXPECT_EQ(row.trials, (row.pool == "clean" ? 100 : 15) / row.n);
    if (row.pool == "clean")
      EXPECT_LT(row.share, 0.08);  // promised 0.05; ten splits of one pool
    else
      EXPECT_GT(row.share, 0.95);
    EXPECT_GE(row.interval.high, row.interval.low);
  }
  EXPECT_NE(rows[2].telling.find("mean_average_precision"), std::string::npos);
  EXPECT_NE(study_markdown(rows, options).find("| broken | 3 |"), std::string::npos);
  expect_user_error([&] { study_gate(read_measured(folder / "broken"), {}, options); }, "15 seeds");
}

TEST_F(Gate, SpeedsAreComparedPerDevice) {
  const Speed reference{"cpu a", "step", "samples/s", {100, 101, 99, 100, 102}};
  const auto judge = [&](const Speed& speed) {
    return gate_speeds({reference}, {speed}, {}).front();
  };
  EXPECT_EQ(judge({"cpu a", "step", "samples/s", {98, 99, 97, 96, 98}}).verdict, Verdict::kPass)
      << "within the tolerance";
  EXPECT_EQ(judge({"cpu a", "step", "samples/s", {80, 81, 82, 79, 80}}).verdict,
            Verdict::kRegressed);
  EXPECT_EQ(judge({"cpu a", "step", "samples/s", {80, 160, 85, 150, 90}}).verdict, Verdict::kPass)
      << "slower by the median, but not significantly";
  EXPECT_EQ(judge({"cpu a", "step", "samples/s", {120, 121, 122, 125, 123}}).verdict,
            Verdict::kImproved);
  EXPECT_EQ(judge({"cpu b", "step", "samples/s", {10, 10, 10, 10, 11}}).verdict,
            Verdict::kUndecided)
      << "another device";
  EXPECT_EQ(judge({"cpu a", "other", "samples/s", {10}}).verdict, Verdict::kUndecided);
  const auto renamed = gate_speeds({reference}, {{"cpu a", "other", "samples/s", {10}}}, {});
  ASSERT_EQ(renamed.size(), 2U);  // the second is the reference's, which is no longer measured
  EXPECT_EQ(renamed[1].candidate.name, "step");
  EXPECT_EQ(renamed[1].verdict, Verdict::kUndecided);
  EXPECT_EQ(judge({"cpu a", "step", "samples/s", {80}}).verdict, Verdict::kUndecided)
      << "one measurement shows nothing at this level: p is at least 1/6";
  const Speed time{"cpu a", "step", "ns", {100, 101, 99, 100, 102}};
  const auto judge_time = [&](const std::vector<double>& values) {
    return gate_speeds({time}, {{"cpu a", "step", "ns", values}}, {}).front().verdict;
  };
  EXPECT_EQ(judge_time({130, 131, 129, 128, 135}), Verdict::kRegressed);
  EXPECT_EQ(judge_time({70, 71, 72, 73, 74}), Verdict::kImproved);

  const auto speeds = read_training_speeds(folder / "pool");
  ASSERT_EQ(speeds.size(), 2U);
  EXPECT_EQ(speeds[0].values.size(), 20U);  // each run once, not once per metric
  EXPECT_EQ(speeds[0].device, "some CPU");
  record_speeds(folder / "reference", speeds);
  record_speeds(folder / "reference", {{"cpu b", "step", "ns", {1, 2}}});
  EXPECT_EQ(read_speeds(folder / "reference").size(), 3U);  // the other device's stay
  EXPECT_FALSE(std::filesystem::is_empty(folder / "reference/archive"));

  const std::string benchmark = R"({"context": {"device": "cpu a"}, "benchmarks": [
    {"name": "step", "run_type": "iteration", "real_time": 2.0, "time_unit": "ms"},
    {"name": "step", "run_type": "iteration", "real_time": 3.0, "time_unit": "ms"},
    {"name": "step_mean", "run_type": "aggregate", "real_time": 2.5, "time_unit": "ms"},
    {"name": "load", "run_type": "iteration", "real_time": 1.0, "time_unit": "ns",
     "items_per_second": 50.0}]})";
  write_bytes(folder / "b.json", benchmark);
  const auto read = read_benchmark_speeds(folder / "b.json");
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0].values, (std::vector<double>{2e6, 3e6}));
  EXPECT_EQ(read[0].unit, "ns");
  EXPECT_EQ(read[1].unit, "items/s");
  write_bytes(folder / "b.json", std::string(R"({"context": {}, "benchmarks": []})"));
  expect_user_error([&] { read_benchmark_speeds(folder / "b.json"); }, "does not name the device");
  write_bytes(folder / "b.json", std::string("{"));
  expect_user_error([&] { read_benchmark_speeds(folder / "b.json"); },
                    "not JSON output of Google Benchmark");
}

TEST(CheckReport, IsWellFormedInEveryForm) {
  const ReportLine failed{.status = Status::kBad,
                          .verdict = "regressed",
                          .group = "main",
                          .name = "LCR | \"x\" <y>",
                          .cells = {"0.01"},
                          .numbers = {{"p", 0.01}},
                          .reason = "fell & broke"};
  const ReportLine skipped{Status::kOpen, "undecided", "main", "b", {"-"}, {}, "few"};
  const ReportLine passed{Status::kGood, "pass", "main", "c", {"1"}, {}, ""};
  const CheckReport report{"A <title> & more", {"p"}, {failed, skipped, passed}, {"note"}};
  const std::string xml = junit_xml(report);
  EXPECT_NE(xml.find("failures=\"1\""), std::string::npos) << xml;
  EXPECT_NE(xml.find("skipped=\"1\""), std::string::npos) << xml;
  EXPECT_NE(xml.find("LCR | &quot;x&quot; &lt;y&gt;"), std::string::npos) << xml;
  EXPECT_NE(xml.find("regressed: fell &amp; broke"), std::string::npos) << xml;
  EXPECT_NE(markdown(report).find("LCR \\| \"x\" <y>"), std::string::npos);
  EXPECT_NE(markdown(report).find("**1 regressed, 1 undecided, 1 pass**"), std::string::npos)
      << markdown(report);
  EXPECT_EQ(nlohmann::json::parse(json(report)).at("lines").at(0).at("p"), 0.01);
  EXPECT_NE(terminal_table(report).find("fell & broke"), std::string::npos);
}

}  // namespace
}  // namespace lcr::check
