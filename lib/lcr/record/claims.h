// The paper's qualitative claims as data, and their verdicts from measured results.
#pragma once

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "lcr/base/statistics.h"

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

/// What results say about a claim on one data set. Differences are the better row's value less the
/// worse row's, in the metric's unit, over the pairs if there are any; NaN where unknown.
struct ClaimVerdict {
  Claim claim;
  std::string verdict;  ///< "holds", "fails", "undecided", or "not run"
  std::string reason;   ///< the numbers, or why there is no decision
  std::string dataset;  ///< on which it was measured; empty if there is no results file
  std::string metric;   ///< the one that was compared
  /// Whether seeds were compared one by one. Runs of one seed share their initial weights, views,
  /// order of samples and queue, so their difference varies less than they do.
  bool paired = false;
  std::size_t n = 0;                ///< pairs; unpaired, the seeds of the side with fewer
  std::vector<double> differences;  ///< of the pairs, in the order of the seeds
  double better = std::numeric_limits<double>::quiet_NaN();  ///< mean of the better row
  double worse = better;                                     ///< mean of the worse row
  double difference = better;
  Interval interval;               ///< 95 %
  double p = difference;           ///< of the claim's test; small speaks for the claim
  double adjusted_p = difference;  ///< Holm's correction over all claims that judge() was given
  /// If undecided: the pairs that would decide it with power of at least 0.8 if mean and spread
  /// of the differences are as measured; 0 if 1,000 would not, or unknown.
  std::size_t pairs_needed = 0;
};

/// Reads a CSV file of claims. Throws UserError if it is missing or malformed.
std::vector<Claim> read_claims(const std::filesystem::path& path);

/// Judges claims on each data set in results/<tag>/<experiment>.csv, with `folder` results/<tag>.
/// Without that file there is one verdict, "not run".
///
/// The rows are compared seed by seed, over the seeds that both have. "greater" holds if the
/// one-sided paired t-test gives p < 0.05, and fails if the opposite test does. "equal" holds if
/// both one-sided tests against the margin give p < 0.05, and fails if such a test shows a
/// difference beyond the margin. With fewer than three common seeds, Welch's test takes the paired
/// one's place if both rows have three. Otherwise the claim is undecided, whatever the numbers.
/// Runs with the same seed count once, by their mean: random choices on one trunk are not
/// independent.
///
/// Throws UserError if results are malformed, a value is not finite, or a row's seeds are of
/// several configurations.
std::vector<ClaimVerdict> judge(const std::vector<Claim>& claims,
                                const std::filesystem::path& folder);

}  // namespace lcr
