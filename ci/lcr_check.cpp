// lcr-check: checks whether metrics, claims and speed are still what they were. CSV in, exit code
// and report out.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/core.h>

#include "ci/check_report.h"
#include "ci/metric_gate.h"
#include "ci/reference.h"
#include "ci/study.h"
#include "ci/throughput.h"
#include "lcr/base/arguments.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/text.h"
#include "lcr/record/claims.h"

namespace lcr::check {
namespace {
namespace po = boost::program_options;
namespace fs = std::filesystem;

/// Exit code of a check that found a regression.
constexpr int kRegression = 1;

struct Arguments {
  std::string command, reference, candidate, results, benchmarks, pool;
  std::string markdown, junit, json;
  std::string metrics = kDefaultMetrics;
  std::string candidate_seeds = "3,5";
  std::vector<std::string> defects;
  double alpha = GateOptions().alpha;
  double power = GateOptions().power;
  double tolerance = SpeedGateOptions().tolerance;
  std::int64_t fewest = 5;
  std::int64_t reference_seeds = 20;
  std::int64_t resamples = 500;
  bool speed = false, strict = false;
};

Status status_of(Verdict verdict) {
  if (verdict == Verdict::kRegressed) return Status::kBad;
  if (verdict == Verdict::kUndecided) return Status::kOpen;
  return Status::kGood;
}

Status status_of_claim(const std::string& verdict) {
  if (verdict == "holds") return Status::kGood;
  if (verdict == "fails") return Status::kBad;
  return Status::kOpen;
}

/// Prints the report and writes the requested files. Returns the exit code: 1 on a regression, with
/// --strict also on an undecided row.
int publish(const CheckReport& report, const Arguments& arguments) {
  fmt::print("{}", terminal_table(report));
  if (!arguments.markdown.empty()) write_atomic(arguments.markdown, markdown(report));
  if (!arguments.junit.empty()) write_atomic(arguments.junit, junit_xml(report));
  if (!arguments.json.empty()) write_atomic(arguments.json, json(report));
  const bool bad =
      report.count(Status::kBad) > 0 || (arguments.strict && report.count(Status::kOpen) > 0);
  return bad ? kRegression : kDone;
}

std::string mean_and_sd(double mean, double sd, std::size_t n) {
  return std::isnan(sd) ? fmt::format("{:.4g} ({})", mean, n)
                        : fmt::format("{:.4g} +- {:.2g} ({})", mean, sd, n);
}

std::string describe(const Origin& origin) {
  return fmt::format("commit {}, {}, {}, LibTorch {}", origin.commit, origin.device,
                     origin.precision, origin.libtorch);
}

int check_metrics(const Arguments& arguments) {
  const Reference reference = read_reference(arguments.reference);
  const Measured candidate = read_measured(arguments.candidate);
  CheckReport report;
  report.title =
      fmt::format("Metrics of {} against the reference {}", arguments.candidate, reference.name);
  report.columns = {"reference", "candidate", "change", "p", "detects"};
  std::size_t shared = 0;
  const GateOptions options{.alpha = arguments.alpha, .power = arguments.power, .explain = true};
  for (const auto& v : gate_metrics(reference, candidate, options)) {
    ReportLine line;
    line.status = status_of(v.verdict);
    line.verdict = verdict_name(v.verdict);
    line.group = v.key.experiment;
    line.name = v.key.text().substr(v.key.experiment.size() + 2);
    line.reason = v.reason;
    line.cells = {mean_and_sd(v.reference_mean, v.reference_sd, v.reference_n),
                  mean_and_sd(v.mean, v.sd, v.n), fmt::format("{:+.3g}", v.mean - v.reference_mean),
                  std::isnan(v.p) ? "-" : fmt::format("{:.3g}", v.p),
                  fmt::format("{:.2g}", v.detectable)};
    line.numbers = {{"reference_mean", v.reference_mean},
                    {"reference_sd", v.reference_sd},
                    {"reference_n", static_cast<double>(v.reference_n)},
                    {"mean", v.mean},
                    {"sd", v.sd},
                    {"n", static_cast<double>(v.n)},
                    {"p", v.p},
                    {"detectable", v.detectable},
                    {"seeds_needed", static_cast<double>(v.seeds_needed)}};
    report.lines.push_back(std::move(line));
    shared = std::max(shared, v.shared_seeds);
  }
  report.notes = {
      fmt::format("Mean +- standard deviation (seeds). p: of a change for the worse by Welch's "
                  "statistic (of any change for training losses), Holm-adjusted over the rows with "
                  "at least two seeds, level {}; in addition, a mean of at least {} seeds beyond a "
                  "floor fails. detects: the smallest change that these seeds show with power {}.",
                  format_number(arguments.alpha), reference.floor_seeds,
                  format_number(arguments.power)),
      fmt::format("Reference of {}: {}. Candidate: {}.", reference.recorded,
                  describe(reference.origin), describe(candidate.origin))};
  if (shared > 0)
    report.notes.push_back(
        fmt::format("{} seeds of the candidate are in the reference too: if nothing changed they "
                    "give the same numbers, so they show little.",
                    shared));
  if (candidate.rows.size() > reference.rows.size())
    report.notes.push_back(
        fmt::format("{} further measurements of the candidate are not in the reference.",
                    candidate.rows.size() - reference.rows.size()));
  return publish(report, arguments);
}

int check_claims(const Arguments& arguments) {
  CheckReport report;
  report.title = "The paper's claims in " + arguments.results;
  report.columns = {"data", "difference", "95 % interval", "n", "p", "Holm"};
  results_files(arguments.results);  // refuses a folder without results
  for (const auto& v :
       judge(read_claims(suite_home() / "results/paper/claims.csv"), arguments.results)) {
    ReportLine line{.status = status_of_claim(v.verdict),
                    .verdict = v.verdict,
                    .group = v.claim.experiment,
                    .name = v.claim.statement,
                    .cells = {v.dataset, "-", "-", "-", "-", "-"},
                    .numbers = {},
                    .reason = v.reason};
    if (v.n > 0) line.cells[3] = std::to_string(v.n) + (v.paired ? "" : " unpaired");
    if (!std::isnan(v.difference)) line.cells[1] = fmt::format("{:+.2f}", v.difference);
    if (!std::isnan(v.p)) {
      line.cells[2] = fmt::format("{:+.2f} to {:+.2f}", v.interval.low, v.interval.high);
      line.cells[4] = fmt::format("{:.2g}", v.p);
      line.cells[5] = fmt::format("{:.2g}", v.adjusted_p);
      line.numbers = {
          {"difference", v.difference},   {"low", v.interval.low},
          {"high", v.interval.high},      {"n", static_cast<double>(v.n)},
          {"paired", v.paired ? 1. : 0.}, {"p", v.p},
          {"adjusted_p", v.adjusted_p},   {"pairs_needed", static_cast<double>(v.pairs_needed)}};
    }
    report.lines.push_back(std::move(line));
  }
  report.notes = {
      "A claim that fails here is a finding, not an error: the exit code is 0. Holds or fails: "
      "one-sided t-test on the differences of runs with the same seed, p < 0.05, at least three "
      "seeds; Welch's test where the seeds do not match (unpaired). Holm: p adjusted over all "
      "claims of the folder."};
  publish(report, arguments);
  return kDone;
}

int check_throughput(const Arguments& arguments) {
  std::vector<Speed> candidate = arguments.candidate.empty()
                                     ? std::vector<Speed>()
                                     : read_training_speeds(arguments.candidate);
  if (!arguments.benchmarks.empty())
    for (auto& speed : read_benchmark_speeds(arguments.benchmarks))
      candidate.push_back(std::move(speed));
  if (candidate.empty())
    fail(
        "command line: throughput needs --candidate RESULTS (runs), --benchmarks FILE.json, or "
        "both");
  CheckReport report;
  report.title = "Throughput against " + arguments.reference;
  report.columns = {"device", "unit", "reference", "candidate", "change", "p"};
  for (const auto& v : gate_speeds(read_speeds(arguments.reference), candidate,
                                   {.tolerance = arguments.tolerance})) {
    const bool known = v.reference_n > 0;
    ReportLine line;
    line.status = status_of(v.verdict);
    line.verdict = verdict_name(v.verdict);
    line.group = "throughput";
    line.name = v.candidate.name;
    line.reason = v.reason;
    line.cells = {v.candidate.device,
                  v.candidate.unit,
                  known ? fmt::format("{:.4g} ({})", v.reference_median, v.reference_n) : "-",
                  fmt::format("{:.4g} ({})", v.median, v.candidate.values.size()),
                  known ? fmt::format("{:+.1f} %", 100 * v.change) : "-",
                  known ? fmt::format("{:.3g}", v.p) : "-"};
    line.numbers = {{"median", v.median}};
    if (known)
      line.numbers.insert(
          line.numbers.end(),
          {{"reference_median", v.reference_median}, {"change", v.change}, {"p", v.p}});
    report.lines.push_back(std::move(line));
  }
  report.notes = {
      fmt::format("Medians (measurements), per device. Fails: slower by more than {:.0f} % and p < "
                  "0.05 (one-sided Mann-Whitney). Change above 0 is faster.",
                  100 * arguments.tolerance)};
  return publish(report, arguments);
}

int record_throughput(const Arguments& arguments) {
  std::vector<Speed> speeds;
  if (!arguments.results.empty()) speeds = read_training_speeds(arguments.results);
  if (!arguments.benchmarks.empty())
    for (auto& speed : read_benchmark_speeds(arguments.benchmarks))
      speeds.push_back(std::move(speed));
  record_speeds(arguments.reference, speeds);
  fmt::print("recorded: {} speeds in {}\n", speeds.size(),
             (fs::path(arguments.reference) / "throughput.json").string());
  return kDone;
}

int record_metrics(const Arguments& arguments) {
  const Measured measured = read_measured(arguments.results);
  const auto fewest = static_cast<std::size_t>(arguments.fewest);
  Reference reference = make_reference(measured, arguments.metrics, fewest);
  if (reference.rows.empty())
    fail("{}: no row of the metrics {} has {} seeds with different values", arguments.results,
         arguments.metrics, arguments.fewest);
  const fs::path folder = fs::path(arguments.reference);
  reference.name = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  write_reference(arguments.reference, reference);
  fmt::print("recorded: {} rows in {}\n", reference.rows.size(),
             (fs::path(arguments.reference) / "metrics.json").string());
  for (const auto& row : reference.rows) {
    const auto& values = row.measured.values;
    const std::string floor_text = row.floor ? fmt::format("floor {:.4g} ", *row.floor) : "";
    const std::string ceiling_text = row.ceiling ? fmt::format("ceiling {:.4g}", *row.ceiling) : "";
    fmt::print("  {:<90} {:<6} {:>10.4g} +- {:<8.2g} n = {:<3} {}{}\n", row.measured.key.text(),
               direction_name(row.direction), mean(values), standard_deviation(values),
               values.size(), floor_text, ceiling_text);
  }
  const auto wanted = split(arguments.metrics, ',');
  for (const auto& row : measured.rows) {
    const auto is_row = [&](const ReferenceRow& own) { return own.measured.key == row.key; };
    if (std::find(wanted.begin(), wanted.end(), row.key.metric) == wanted.end() ||
        std::any_of(reference.rows.begin(), reference.rows.end(), is_row))
      continue;
    const std::string reason =
        row.values.size() < fewest
            ? fmt::format("{} seeds, --fewest {}", row.values.size(), arguments.fewest)
            : "all seeds give the same number";
    fmt::print("  left out: {}: {}\n", row.key.text(), reason);
  }
  return kDone;
}

int study(const Arguments& arguments) {
  StudyOptions options;
  options.metrics = arguments.metrics;
  options.reference_seeds = static_cast<std::size_t>(arguments.reference_seeds);
  options.resamples = static_cast<std::size_t>(arguments.resamples);
  options.gate = {.alpha = arguments.alpha, .power = arguments.power, .explain = false};
  options.candidate_seeds.clear();
  for (const auto& text : split(arguments.candidate_seeds, ',')) {
    const auto n = parse_integer(text);
    if (!n || *n < 2 || *n > 1000)
      fail("candidate-seeds = '{}': '{}' is not a number from 2 to 1000", arguments.candidate_seeds,
           text);
    options.candidate_seeds.push_back(static_cast<std::size_t>(*n));
  }
  if (options.candidate_seeds.empty())
    fail("candidate-seeds: is empty; give numbers of seeds, as in 3,5");
  std::vector<std::pair<std::string, Measured>> defects;
  for (const auto& folder : arguments.defects) {
    const fs::path path =
        fs::path(folder).has_filename() ? fs::path(folder) : fs::path(folder).parent_path();
    defects.emplace_back(path.filename().string(), read_measured(path));
  }
  const std::string text =
      study_markdown(study_gate(read_measured(arguments.pool), defects, options), options);
  fmt::print("{}", text);
  if (!arguments.markdown.empty()) write_atomic(arguments.markdown, text);
  return kDone;
}

bool given(const po::variables_map& values, const std::string& option) {
  const auto found = values.find(option);
  return found != values.end() && !found->second.defaulted();
}

/// Refuses options that the command does not use: they would be silently ignored.
void refuse_foreign_options(const std::string& command, const po::variables_map& values) {
  static const std::map<std::string, std::string> uses = {
      {"reference", "metrics throughput record"},
      {"candidate", "metrics throughput"},
      {"results", "claims record"},
      {"benchmarks", "throughput record"},
      {"alpha", "metrics study"},
      {"power", "metrics study"},
      {"tolerance", "throughput"},
      {"metrics", "record study"},
      {"fewest", "record"},
      {"speed", "record"},
      {"strict", "metrics throughput"},
      {"pool", "study"},
      {"defects", "study"},
      {"reference-seeds", "study"},
      {"candidate-seeds", "study"},
      {"resamples", "study"},
      {"markdown", "metrics claims throughput study"},
      {"junit", "metrics claims throughput"},
      {"json", "metrics claims throughput"}};
  for (const auto& [option, commands] : uses) {
    if (!given(values, option)) continue;
    const auto known = split(commands, ' ');
    if (std::find(known.begin(), known.end(), command) == known.end())
      fail("command line: --{} does not apply to '{}', only to {}", option, command,
           join(known, ", "));
  }
}

/// Refuses numbers out of range and combinations of options that make no sense.
void check_arguments(const Arguments& a, const po::variables_map& values) {
  if (!(a.alpha > 0 && a.alpha < 0.5))
    fail("alpha = {}: is not a number above 0 and below 0.5", format_number(a.alpha));
  if (!(a.power > 0 && a.power < 1))
    fail("power = {}: is not a number above 0 and below 1", format_number(a.power));
  if (!(a.tolerance >= 0 && a.tolerance < 1))
    fail("tolerance = {}: is not a number from 0 to below 1", format_number(a.tolerance));
  const auto in_range = [](const char* name, std::int64_t value, std::int64_t low,
                           std::int64_t high) {
    if (value < low || value > high)
      fail("{} = {}: is not a number from {} to {}", name, value, low, high);
  };
  in_range("fewest", a.fewest, 2, 100'000);
  in_range("reference-seeds", a.reference_seeds, 2, 100'000);
  in_range("resamples", a.resamples, 1, 1'000'000);
  if (a.command == "record") {
    if (!a.speed && !a.benchmarks.empty()) fail("command line: --benchmarks goes with --speed");
    if (a.speed && (given(values, "metrics") || given(values, "fewest")))
      fail("command line: --metrics and --fewest do not apply to record --speed");
  }
  if (given(values, "metrics") && split(a.metrics, ',').empty())
    fail("metrics: is empty; give names of metrics");
}

void add_options(po::options_description& visible, Arguments& a) {
  const std::string metrics_help = "record, study: names of the metrics to compare [" +
                                   join(split(kDefaultMetrics, ','), ", ") + "]";
  auto add = visible.add_options();
  add("reference", po::value(&a.reference),
      "folder of reference values: results/reference/<preset>");
  add("candidate", po::value(&a.candidate), "metrics, throughput: folder of the results to judge");
  add("results", po::value(&a.results), "claims, record: folder of results");
  add("benchmarks", po::value(&a.benchmarks),
      "throughput, record --speed: output of lcr-benchmark --benchmark_format=json, with "
      "--benchmark_repetitions");
  add("alpha", po::value(&a.alpha),
      "metrics, study: probability of a false alarm by the tests, all rows together [0.04]; floors "
      "add the reference's floor_level (0.01)");
  add("power", po::value(&a.power),
      "metrics, study: power at which a change counts as detectable and a number of seeds as "
      "enough [0.8]");
  add("tolerance", po::value(&a.tolerance),
      "throughput: share by which a median may be slower [0.07]");
  add("metrics", po::value(&a.metrics), metrics_help.c_str());
  add("fewest", po::value(&a.fewest), "record: leave out rows with fewer seeds [5]");
  add("speed", po::bool_switch(&a.speed), "record: speeds (throughput.json) instead of metrics");
  add("strict", po::bool_switch(&a.strict),
      "metrics, throughput: exit code 1 also if a row is undecided");
  add("pool", po::value(&a.pool), "study: results of many clean seeds");
  add("defects", po::value(&a.defects)->multitoken(),
      "study: folders of results of broken builds, named after their defects");
  add("reference-seeds", po::value(&a.reference_seeds), "study: seeds of each reference [20]");
  add("candidate-seeds", po::value(&a.candidate_seeds), "study: seeds of candidates [3,5]");
  add("resamples", po::value(&a.resamples), "study: random splits of the pools [500]");
  add("markdown", po::value(&a.markdown),
      "also write the report as Markdown, for a comment on a pull request");
  add("junit", po::value(&a.junit), "also write it as JUnit XML");
  add("json", po::value(&a.json), "also write it as JSON");
  add("help", "print this help");
}

void print_help(const po::options_description& visible) {
  fmt::print(
      "lcr-check: checks whether results are still what they were\n\nUsage:\n"
      "  lcr-check metrics --reference DIR --candidate RESULTS     compares the metrics of newly "
      "trained runs with recorded ones\n"
      "  lcr-check claims --results RESULTS                        what results say about the "
      "paper's claims\n"
      "  lcr-check throughput --reference DIR --candidate RESULTS  compares speeds of training and "
      "benchmarks, per device\n"
      "  lcr-check record --results RESULTS --reference DIR        makes or replaces a reference; "
      "keeps the old one in DIR/archive\n"
      "  lcr-check study --pool RESULTS --defects RESULTS...       false alarms and power of the "
      "gate, from pools of runs\n"
      "Exit codes: 0 no regression, 1 a regression, 2 bad input.\n\n{}",
      list_options(visible));
}

int run(int argc, char** argv) {
  Arguments a;
  po::options_description visible("Options");
  add_options(visible, a);
  const auto values = parse_arguments(argc, argv, visible, {{"command", po::value(&a.command)}});
  if (values.contains("help")) {
    print_help(visible);
    return kDone;
  }
  refuse_foreign_options(a.command, values);
  check_arguments(a, values);
  const auto need = [&](const std::string& value, const char* name) {
    if (value.empty()) fail("command line: {} needs --{}; --help explains", a.command, name);
  };
  if (a.command == "metrics" || a.command == "throughput" || a.command == "record")
    need(a.reference, "reference");
  if (a.command == "metrics") {
    need(a.candidate, "candidate");
    return check_metrics(a);
  }
  if (a.command == "claims") {
    need(a.results, "results");
    return check_claims(a);
  }
  if (a.command == "throughput") return check_throughput(a);
  if (a.command == "record") {
    if (a.speed) return record_throughput(a);
    need(a.results, "results");
    return record_metrics(a);
  }
  if (a.command == "study") {
    need(a.pool, "pool");
    return study(a);
  }
  fail("command line: say metrics, claims, throughput, record or study; --help explains");
}

}  // namespace
}  // namespace lcr::check

int main(int argc, char** argv) {
  return lcr::run_main("lcr-check", [&] { return lcr::check::run(argc, argv); });
}
