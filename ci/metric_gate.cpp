#include "ci/metric_gate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"
#include "lcr/config/options.h"

namespace lcr::check {
namespace {

/// A configuration's text, completed with the defaults of the options that only the other one
/// names: configurations leave out options at their defaults.
std::string with_defaults(std::string text, const std::string& other) {
  const auto names = [](const std::string& lines, const std::string& name) {
    return ("\n" + lines).find("\n" + name + "=") != std::string::npos;
  };
  for (const auto& spec : option_table())
    if (names(other, spec.name) && !names(text, spec.name))
      text += std::string(spec.name) + "=" + default_of(spec) + "\n";
  return text;
}

/// Which options differ between the configurations of a row's reference and candidate.
std::string configuration_differences(const Reference& reference, const Measured& candidate,
                                      const ReferenceRow& row, const MeasuredRow& other) {
  const auto there = reference.configs.find(row.measured.config_hash);
  const auto here = candidate.configs.find(other.config_hash);
  if (there == reference.configs.end() || here == candidate.configs.end())
    return "which options differ is unknown: <experiment>.configs.json is missing from the results";
  const std::string differences = describe_differences(with_defaults(there->second, here->second),
                                                       with_defaults(here->second, there->second));
  return differences + ", where 'there' is the reference";
}

void refuse_other_configuration(const Reference& reference, const Measured& candidate,
                                const ReferenceRow& row, const MeasuredRow& other) {
  const std::string what = row.measured.key.text();
  if (row.measured.config_hash != other.config_hash)
    fail(
        "{}: the candidate was trained under another configuration than the reference ({}): train "
        "it as the reference was, or record a new reference",
        what, configuration_differences(reference, candidate, row, other));
  if (row.measured.evaluation_hash != other.evaluation_hash)
    fail(
        "{}: the candidate was evaluated by another protocol than the reference (evaluation "
        "options): evaluate it as the reference was, or record a new reference",
        what);
}

/// p-value of a change for the worse.
double regression_p(Direction direction, const std::vector<double>& values,
                    const std::vector<double>& reference) {
  const double below = unchanged_p_greater(reference, values);
  const double above = unchanged_p_greater(values, reference);
  switch (direction) {
    case Direction::kHigher: return below;
    case Direction::kLower: return above;
    case Direction::kSteady: return std::min(1.0, 2 * std::min(below, above));
  }
  return 1;
}

/// p-value of a change for the better; 1 for a steady metric.
double improvement_p(Direction direction, const std::vector<double>& values,
                     const std::vector<double>& reference) {
  if (direction == Direction::kSteady) return 1;
  const Direction opposite =
      direction == Direction::kHigher ? Direction::kLower : Direction::kHigher;
  return regression_p(opposite, values, reference);
}

/// The smallest change, in standard deviations, that `n` seeds show by the test with the given
/// power.
double change_shown_by_test(std::size_t n, std::size_t n_reference, double level, double power) {
  if (n < 2) return std::numeric_limits<double>::infinity();
  double low = 0, high = 1;
  while (high < 1e6 && unchanged_power(high, n, n_reference, level) < power) high *= 2;
  for (int i = 0; i < 20; ++i) {
    const double middle = (low + high) / 2;
    (unchanged_power(middle, n, n_reference, level) >= power ? high : low) = middle;
  }
  return high;
}

/// The same, shown by floor or ceiling.
double change_shown_by_floor(const ReferenceRow& row, std::size_t n, double power) {
  const double centre = mean(row.measured.values);
  const double sd = standard_deviation(row.measured.values);
  double margin = std::numeric_limits<double>::infinity();
  if (row.floor)
    margin = centre - *row.floor;
  else if (row.ceiling)
    margin = *row.ceiling - centre;
  return margin / sd + normal_quantile(power) / std::sqrt(static_cast<double>(n));
}

/// A verdict with the numbers of both sides, not decided yet.
RowVerdict compare(const ReferenceRow& row, const MeasuredRow& other) {
  RowVerdict verdict;
  verdict.key = row.measured.key;
  verdict.direction = row.direction;
  verdict.reference_mean = mean(row.measured.values);
  verdict.reference_sd = standard_deviation(row.measured.values);
  verdict.reference_n = row.measured.values.size();
  verdict.mean = mean(other.values);
  verdict.sd = standard_deviation(other.values);
  verdict.n = other.values.size();
  for (const auto seed : other.seeds)
    verdict.shared_seeds += static_cast<std::size_t>(
        std::count(row.measured.seeds.begin(), row.measured.seeds.end(), seed));
  return verdict;
}

/// The smallest change that a row shows by the test or by floor and ceiling, with the given power.
class SmallestChange {
 public:
  SmallestChange(std::size_t floor_seeds, double power)
      : floor_seeds_(floor_seeds), power_(power) {}

  /// In standard deviations, at the row's level of significance.
  double operator()(const ReferenceRow& row, const RowVerdict& v, double level) {
    const auto [shown, is_new] = shown_by_test_.emplace(std::tuple(v.n, v.reference_n, level), 0);
    if (is_new) shown->second = change_shown_by_test(v.n, v.reference_n, level, power_);
    if (v.n < floor_seeds_) return shown->second;
    return std::min(shown->second, change_shown_by_floor(row, v.n, power_));
  }

 private:
  const std::size_t floor_seeds_;
  const double power_;
  /// By seeds, the reference's seeds and level: the same for most rows.
  std::map<std::tuple<std::size_t, std::size_t, double>, double> shown_by_test_;
};

/// The p-values of a row: alone, and adjusted for all rows.
struct RowTests {
  bool testable = false;  ///< if not, a row has no p-values
  double worse = 1, worse_adjusted = 1, better_adjusted = 1;
};

void decide_regressed(RowVerdict& v, const ReferenceRow& row, const RowTests& tests,
                      const std::string& size, const GateOptions& options) {
  v.verdict = Verdict::kRegressed;
  v.reason = size;
  if (tests.testable)
    v.reason +=
        fmt::format(", p = {:.3g}{}", v.p, v.by_test ? " < " + format_number(options.alpha) : "");
  if (v.by_floor && row.floor && v.mean < *row.floor)
    v.reason += fmt::format(", below the floor {:.4g}", *row.floor);
  else if (v.by_floor)
    v.reason += fmt::format(", above the ceiling {:.4g}", *row.ceiling);
}

/// For a row that would have regressed if it were the only one.
void leave_undecided(RowVerdict& v, const RowTests& tests, const std::string& size,
                     double row_level, const GateOptions& options) {
  v.verdict = Verdict::kUndecided;
  if (options.explain)
    v.seeds_needed = values_needed(std::abs(v.mean - v.reference_mean) / v.reference_sd,
                                   v.reference_n, row_level, options.power);
  const std::string advice = v.seeds_needed > 0
                                 ? fmt::format("{} seeds would decide it with power {}",
                                               v.seeds_needed, format_number(options.power))
                                 : "no number of seeds decides it against this reference";
  v.reason = fmt::format("{}: p = {:.3g} alone, {:.3g} among all rows; {}", size, tests.worse, v.p,
                         advice);
}

/// Decides a row from its numbers and p-values.
void decide(RowVerdict& v, const ReferenceRow& row, const RowTests& tests, double row_level,
            std::size_t floor_seeds, const GateOptions& options) {
  v.by_test = tests.testable && v.p < options.alpha;
  v.by_floor = v.n >= floor_seeds &&
               ((row.floor && v.mean < *row.floor) || (row.ceiling && v.mean > *row.ceiling));
  const double change = v.mean - v.reference_mean;
  const std::string size =
      fmt::format("{} {:.4g} ({:.1f} standard deviations of a run)", change < 0 ? "down" : "up",
                  std::abs(change), std::abs(change) / v.reference_sd);
  if (v.by_floor || v.by_test) {
    decide_regressed(v, row, tests, size, options);
  } else if (!tests.testable) {
    v.verdict = Verdict::kUndecided;
    v.reason = fmt::format("one seed: the test needs two, the floor {}", floor_seeds);
    v.seeds_needed = std::max<std::size_t>(2, floor_seeds);
  } else if (tests.worse < options.alpha) {
    leave_undecided(v, tests, size, row_level, options);
  } else if (tests.better_adjusted < options.alpha) {
    v.verdict = Verdict::kImproved;
    v.reason = fmt::format("{}, p = {:.3g}: record a new reference", size, tests.better_adjusted);
  }
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass: return "pass";
    case Verdict::kRegressed: return "regressed";
    case Verdict::kImproved: return "improved";
    case Verdict::kUndecided: return "undecided";
  }
  return "";
}

std::vector<RowVerdict> gate_metrics(const Reference& reference, const Measured& candidate,
                                     const GateOptions& options) {
  std::map<MetricKey, const MeasuredRow*> measured;
  for (const auto& row : candidate.rows) measured[row.key] = &row;
  std::vector<RowVerdict> verdicts;
  std::vector<double> worse, better;
  std::vector<bool> testable;
  for (const auto& row : reference.rows) {
    const auto found = measured.find(row.measured.key);
    if (found == measured.end())
      fail("{}: is in the reference, but was not measured: train it too, or record a new reference",
           row.measured.key.text());
    const MeasuredRow& other = *found->second;
    refuse_other_configuration(reference, candidate, row, other);
    verdicts.push_back(compare(row, other));
    testable.push_back(other.values.size() >= 2);
    // A row that cannot be tested takes no part in the correction.
    if (!testable.back()) continue;
    worse.push_back(regression_p(row.direction, other.values, row.measured.values));
    better.push_back(
        options.explain ? improvement_p(row.direction, other.values, row.measured.values) : 1);
  }
  const auto worse_adjusted = holm(worse);
  const auto better_adjusted = holm(better);
  const double level = options.alpha / static_cast<double>(std::max<std::size_t>(1, worse.size()));
  SmallestChange smallest_change(reference.floor_seeds, options.power);
  for (std::size_t i = 0, tested = 0; i < verdicts.size(); ++i) {
    RowVerdict& v = verdicts[i];
    const ReferenceRow& row = reference.rows[i];
    const double row_level = level / (row.direction == Direction::kSteady ? 2 : 1);
    RowTests tests;
    if (testable[i]) {
      tests = {true, worse[tested], worse_adjusted[tested], better_adjusted[tested]};
      ++tested;
    }
    v.p = testable[i] ? tests.worse_adjusted : std::numeric_limits<double>::quiet_NaN();
    if (options.explain) v.detectable = v.reference_sd * smallest_change(row, v, row_level);
    decide(v, row, tests, row_level, reference.floor_seeds, options);
  }
  return verdicts;
}

}  // namespace lcr::check
