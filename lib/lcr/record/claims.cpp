#include "lcr/record/claims.h"

#include <algorithm>
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
constexpr std::size_t kFewest = 3;  // seeds per side

/// The values of one metric on one data set, one per seed. Runs with the same seed are averaged:
/// they are not independent (B2's random choices share even their first epochs).
std::vector<double> values_of(const std::vector<ResultRow>& rows, const Claim& claim,
                              const std::string& dataset, const std::string& metric,
                              const std::string& row_name, const std::string& pooling) {
  std::map<std::string, std::vector<double>> by_seed;
  std::set<std::string> runs;
  for (const auto& row : rows) {
    const auto cell = [&](const char* column) -> const std::string& {
      return row[result_column(column)];
    };
    if (cell("dataset") != dataset || cell("row") != row_name || cell("pooling") != pooling ||
        cell("metric") != metric || cell("selection") != claim.selection)
      continue;
    if (cell("options").find("bn-statistics=") != std::string::npos) continue;
    const auto share = cell("options").find("label-share=");
    if (share != std::string::npos && cell("options").find("label-share=1;") == std::string::npos)
      continue;  // only probes with all labels count
    if (!runs.insert(cell("run_hash")).second)
      fail("claim {}: {} of row '{}' was measured with several settings; a claim needs one",
           claim.id, metric, row_name);
    const auto value = parse_number(cell("value"));
    if (!value)
      fail("{}: value '{}' of row '{}' is not a number", claim.experiment, cell("value"), row_name);
    by_seed[cell("seed")].push_back(*value);
  }
  std::vector<double> values;
  for (const auto& [seed, own] : by_seed) values.push_back(mean(own));
  return values;
}

ClaimVerdict judge_on(const Claim& claim, const std::vector<ResultRow>& rows,
                      const std::string& dataset) {
  ClaimVerdict result{claim, "not run", "", dataset};
  std::vector<double> a, b;
  for (const auto& metric : split(claim.metric, '|'))
    if (a.empty() || b.empty()) {
      a = values_of(rows, claim, dataset, metric, claim.better_row, claim.better_pooling);
      b = values_of(rows, claim, dataset, metric, claim.worse_row, claim.worse_pooling);
    }
  if (a.empty() || b.empty()) {
    result.reason =
        fmt::format("no {} for '{}'", claim.metric, a.empty() ? claim.better_row : claim.worse_row);
    return result;
  }
  result.reason =
      fmt::format("{:.2f} (n = {}) against {:.2f} (n = {})", mean(a), a.size(), mean(b), b.size());
  result.verdict = "undecided";
  if (a.size() < kFewest || b.size() < kFewest) {
    result.reason += fmt::format("; needs n >= {} on both sides", kFewest);
    return result;
  }
  if (claim.relation == "greater") {
    const double p = welch_p_greater(a, b);
    const double opposite = welch_p_greater(b, a);
    result.reason += fmt::format(", one-sided p = {:.3g}", p);
    if (p < kLevel)
      result.verdict = "holds";
    else if (opposite < kLevel)
      result.verdict = "fails";
  } else {
    const double above = welch_p_greater(a, b, -claim.margin);
    const double below = welch_p_greater(b, a, -claim.margin);
    result.reason += fmt::format(", equal within {} with p = {:.3g}", format_number(claim.margin),
                                 std::max(above, below));
    if (above < kLevel && below < kLevel) result.verdict = "holds";
    if (welch_p_greater(a, b, claim.margin) < kLevel ||
        welch_p_greater(b, a, claim.margin) < kLevel)
      result.verdict = "fails";
  }
  return result;
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

std::vector<ClaimVerdict> judge(const Claim& claim, const std::filesystem::path& folder) {
  const auto path = folder / (claim.experiment + ".csv");
  if (!std::filesystem::exists(path))
    return {{claim, "not run", path.string() + " does not exist", ""}};
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

}  // namespace lcr
