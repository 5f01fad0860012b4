// The paper's qualitative claims as data, and what measured results say to them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lcr {

/// "This row is better than that one in this metric." A line of results/paper/claims.csv.
struct Claim {
  std::string id, statement, source;
  std::string experiment;
  std::string metric;  ///< or several, "a|b": the first that both rows have
  std::string selection;
  std::string better_row, better_pooling, worse_row, worse_pooling;  ///< of "equal": the two rows
  std::string relation;  ///< "greater", or "equal": within `margin` of each other
  double margin = 0;     ///< in the metric's unit
};

struct ClaimVerdict {
  Claim claim;
  std::string verdict;  ///< "holds", "fails", "undecided", or "not run"
  std::string reason;   ///< the numbers, or why it is undecided
  std::string dataset;  ///< that it was measured on
};

/// Throws UserError if the file is missing or malformed.
std::vector<Claim> read_claims(const std::filesystem::path& path);

/// Judges a claim on each data set of results/<tag>/<experiment>.csv in the folder (one verdict
/// "not run" where there is no such file). "greater" holds where Welch's one-sided test gives p <
/// 0.05, fails where the opposite does; "equal" holds where both one-sided tests against the margin
/// give p < 0.05, fails where the difference is beyond the margin by such a test. Runs that share a
/// seed count once, by their mean. With fewer than three seeds on either side it is undecided,
/// whatever the numbers.
std::vector<ClaimVerdict> judge(const Claim& claim, const std::filesystem::path& folder);

}  // namespace lcr
