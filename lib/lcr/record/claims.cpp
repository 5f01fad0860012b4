#include "lcr/record/claims.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/core.h>

#include "lcr/base/csv.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"
#include "lcr/record/results_csv.h"

namespace lcr {
namespace {

constexpr double kLevel = 0.05;     // significance level of each test
constexpr double kPower = 0.8;      // for the number of pairs that would decide
constexpr std::size_t kFewest = 3;  // seeds

/// The values of one side of a claim.
SeedValues values_of(const std::vector<ResultRow>& rows, const Claim& claim,
                     const std::string& dataset, const std::string& metric,
                     const std::string& row_name, const std::string& pooling) {
  SeedValues by_seed;
  std::map<std::int64_t, std::set<std::string>> configs;
  std::set<std::string> runs;
  for (const auto& row : rows) {
    const auto cell = [&](const char* column) -> const std::string& {
      return row[result_column(column)];
    };
    if (cell("dataset") != dataset || cell("row") != row_name || cell("pooling") != pooling ||
        cell("metric") != metric || cell("selection") != claim.selection)
      continue;
    const auto settings = split(cell("options"), ';');
    if (std::any_of(settings.begin(), settings.end(), makes_other_numbers)) continue;
    const auto share = cell("options").find("label-share=");
    if (share != std::string::npos && cell("options").find("label-share=1;") == std::string::npos)
      continue;  // only probes with all labels count
    if (!runs.insert(cell("run_hash")).second)
      fail("claim {}: {} of row '{}' was measured with several settings; a claim needs one",
           claim.id, metric, row_name);
    const std::int64_t seed = *parse_integer(cell("seed"));
    by_seed[seed].push_back(*parse_number(cell("value")));
    configs[seed].insert(cell("config_hash"));
  }
  for (const auto& [seed, own] : configs)
    if (own != configs.begin()->second)
      fail(
          "claim {}: row '{}' has another configuration at seed {} than at seed {}: train it again "
          "with one",
          claim.id, row_name, seed, configs.begin()->first);
  return by_seed;
}

/// Sets verdict, p and pairs_needed. p_greater(sign, margin): of the test that sign * difference
/// exceeds the margin. spread: standard deviation of the differences; NaN if they are not paired.
template <class PGreater>
void decide(ClaimVerdict& result, const PGreater& p_greater, double spread) {
  const double margin = result.claim.margin;
  double effect = 0;  // of the test that is nearest to a decision
  double power = kPower;
  if (result.claim.relation == "greater") {
    result.p = p_greater(1, 0);
    if (result.p < kLevel)
      result.verdict = "holds";
    else if (p_greater(-1, 0) < kLevel)
      result.verdict = "fails";
    effect = std::abs(result.difference);
  } else {
    result.p = std::max(p_greater(1, -margin), p_greater(-1, -margin));
    if (result.p < kLevel) result.verdict = "holds";
    if (std::min(p_greater(1, margin), p_greater(-1, margin)) < kLevel) result.verdict = "fails";
    effect = std::abs(margin - std::abs(result.difference));
    // "equal" needs both tests: each must fail half as often.
    if (std::abs(result.difference) < margin) power = (1 + kPower) / 2;
  }
  if (result.verdict == "undecided" && spread > 0)
    result.pairs_needed = pairs_needed(effect / spread, kLevel, power);
}

void explain(ClaimVerdict& result, std::size_t better, std::size_t worse) {
  result.reason = fmt::format("{:.2f} (n = {}) against {:.2f} (n = {})", result.better, better,
                              result.worse, worse);
  if (result.n < kFewest) {
    result.reason += fmt::format("; needs {} seeds on both sides", kFewest);
    return;
  }
  result.reason +=
      fmt::format("; {} {:+.2f} [{:+.2f}, {:+.2f}], n = {}, ",
                  result.paired ? "paired difference" : "unpaired difference", result.difference,
                  result.interval.low, result.interval.high, result.n);
  if (result.claim.relation == "equal")
    result.reason += fmt::format("equal within {} with ", format_number(result.claim.margin));
  result.reason += fmt::format("p = {:.2g}", result.p);
  if (const std::size_t alone = better + worse - 2 * result.n; result.paired && alone > 0)
    result.reason += fmt::format("; without a partner: {} {}", alone, alone == 1 ? "run" : "runs");
  if (result.pairs_needed > 0)
    result.reason += fmt::format("; {} pairs would decide", result.pairs_needed);
  if (result.verdict == "undecided" && result.paired && result.pairs_needed == 0)
    result.reason += "; 1,000 pairs would not decide";
}

ClaimVerdict judge_on(const Claim& claim, const std::vector<ResultRow>& rows,
                      const std::string& dataset) {
  ClaimVerdict result{.claim = claim, .verdict = "not run", .dataset = dataset};
  SeedValues a, b;
  for (const auto& metric : split(claim.metric, '|'))
    if (a.empty() || b.empty()) {
      result.metric = metric;
      a = values_of(rows, claim, dataset, metric, claim.better_row, claim.better_pooling);
      b = values_of(rows, claim, dataset, metric, claim.worse_row, claim.worse_pooling);
    }
  if (a.empty() || b.empty()) {
    result.reason =
        fmt::format("no {} for '{}'", claim.metric, a.empty() ? claim.better_row : claim.worse_row);
    return result;
  }
  result.verdict = "undecided";
  result.differences = pair_by_seed(a, b).differences;
  const auto all_a = pair_by_seed(a, a).first, all_b = pair_by_seed(b, b).first;
  const std::size_t fewer = std::min(a.size(), b.size());
  result.paired = result.differences.size() >= kFewest || fewer < kFewest;
  result.n = result.paired ? result.differences.size() : fewer;
  result.better = mean(all_a);
  result.worse = mean(all_b);
  if (result.paired) {
    result.difference = mean(result.differences);
    result.interval = paired_interval(result.differences);
  } else {
    result.difference = result.better - result.worse;
    result.interval = welch_interval(all_a, all_b);
    result.differences.clear();
  }
  if (result.n >= kFewest)
    decide(
        result,
        [&](int sign, double margin) {
          if (!result.paired)
            return sign > 0 ? welch_p_greater(all_a, all_b, margin)
                            : welch_p_greater(all_b, all_a, margin);
          std::vector<double> signed_differences = result.differences;
          for (double& difference : signed_differences) difference *= sign;
          return paired_p_greater(signed_differences, margin);
        },
        result.paired ? standard_deviation(result.differences)
                      : std::numeric_limits<double>::quiet_NaN());
  explain(result, a.size(), b.size());
  return result;
}

/// The verdicts of one claim, without the correction.
std::vector<ClaimVerdict> judge_alone(const Claim& claim, const std::filesystem::path& folder) {
  const auto path = folder / (claim.experiment + ".csv");
  if (!std::filesystem::exists(path))
    return {{.claim = claim, .verdict = "not run", .reason = path.string() + " does not exist"}};
  const auto rows = read_results(path);
  std::vector<std::string> datasets;
  for (const auto& row : rows)
    if (const auto& dataset = row[result_column("dataset")];
        std::find(datasets.begin(), datasets.end(), dataset) == datasets.end())
      datasets.push_back(dataset);
  std::vector<ClaimVerdict> verdicts;
  for (const auto& dataset : datasets) verdicts.push_back(judge_on(claim, rows, dataset));
  return verdicts;
}

}  // namespace

std::vector<Claim> read_claims(const std::filesystem::path& path) {
  std::vector<Claim> claims;
  for (const auto& row : read_csv<12>(
           path, {"id", "statement", "source", "experiment", "metric", "selection", "better_row",
                  "better_pooling", "worse_row", "worse_pooling", "relation", "margin"})) {
    Claim claim{.id = row[0],
                .statement = row[1],
                .source = row[2],
                .experiment = row[3],
                .metric = row[4],
                .selection = row[5],
                .better_row = row[6],
                .better_pooling = row[7],
                .worse_row = row[8],
                .worse_pooling = row[9],
                .relation = row[10]};
    if (claim.relation != "greater" && claim.relation != "equal")
      fail("{}: claim {}: relation '{}' is neither greater nor equal", path.string(), claim.id,
           claim.relation);
    if (claim.relation == "equal") {
      const auto margin = parse_number(row[11]);
      if (!margin || *margin <= 0)
        fail("{}: claim {}: margin '{}' is not a number above 0", path.string(), claim.id, row[11]);
      claim.margin = *margin;
    }
    claims.push_back(std::move(claim));
  }
  return claims;
}

std::vector<ClaimVerdict> judge(const std::vector<Claim>& claims,
                                const std::filesystem::path& folder) {
  std::vector<ClaimVerdict> verdicts;
  for (const auto& claim : claims)
    for (auto& verdict : judge_alone(claim, folder)) verdicts.push_back(std::move(verdict));
  std::vector<double> p_values;
  for (const auto& verdict : verdicts)
    if (!std::isnan(verdict.p)) p_values.push_back(verdict.p);
  const auto all = holm(p_values);
  std::size_t next = 0;
  for (auto& verdict : verdicts)
    if (!std::isnan(verdict.p)) verdict.adjusted_p = all[next++];
  return verdicts;
}

}  // namespace lcr
