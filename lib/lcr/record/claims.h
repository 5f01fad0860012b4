// The paper's qualitative claims as data, and their verdicts from measured results.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lcr {

/// "This row is better than that one in this metric": a line of results/paper/claims.csv.
struct Claim {
  std::string id, statement, source;
  std::string experiment;
  std::string metric;  ///< or several, as "a|b": the first that both rows have is compared
  std::string selection;
  /// The two rows that are compared; for "equal" their order has no meaning.
  std::string better_row, better_pooling, worse_row, worse_pooling;
  std::string relation;  ///< "greater", or "equal": within `margin` of each other
  double margin = 0;     ///< for "equal", in the metric's unit; > 0
};

struct ClaimVerdict {
  Claim claim;
  std::string verdict;  ///< "holds", "fails", "undecided", or "not run"
  std::string reason;   ///< the numbers, or why there is no decision
  std::string dataset;  ///< on which it was measured; empty if there is no results file
};

/// Reads a CSV file of claims. Throws UserError if it is missing or malformed.
std::vector<Claim> read_claims(const std::filesystem::path& path);

/// Judges a claim on each data set in results/<tag>/<experiment>.csv, with `folder` results/<tag>.
/// Without that file there is one verdict, "not run". "greater" holds if Welch's one-sided test
/// gives p < 0.05 and fails if the opposite test does. "equal" holds if both one-sided tests
/// against the margin give p < 0.05 and fails if such a test shows a difference beyond the margin.
/// Runs with the same seed count once, by their mean. With fewer than three seeds on either side,
/// the claim is undecided whatever the numbers. Throws UserError if the results are malformed.
std::vector<ClaimVerdict> judge(const Claim& claim, const std::filesystem::path& folder);

}  // namespace lcr
