// Whether newly trained runs still measure what the reference measured.
#pragma once

#include <string>
#include <vector>

#include "ci/reference.h"

namespace lcr::check {

enum class Verdict {
  kPass,
  kRegressed,
  /// Significantly better: not a fault, but the reference no longer describes the program.
  kImproved,
  kUndecided,  ///< too few seeds to decide
};

const char* verdict_name(Verdict verdict);

struct GateOptions {
  /// Probability that the tests (Welch's statistic, unchanged_p_greater()) report any regression
  /// over all rows if nothing has changed. The gate's false-alarm rate is at most alpha plus the
  /// reference's floor_level.
  double alpha = 0.04;
  /// Probability of detecting a change of size `detectable`, or of deciding with `seeds_needed`.
  double power = 0.8;
  /// Also look for improvements and fill in detectable and seeds_needed: milliseconds per row.
  bool explain = true;
};

struct RowVerdict {
  MetricKey key;
  Direction direction = Direction::kHigher;
  Verdict verdict = Verdict::kPass;
  std::string reason;  ///< one sentence, for people
  double reference_mean = 0, reference_sd = 0, mean = 0, sd = 0;
  std::size_t reference_n = 0, n = 0;
  /// Seeds of the candidate that the reference has too: equal numbers are then no new evidence.
  std::size_t shared_seeds = 0;
  /// p-value of a change for the worse, Holm-adjusted over all rows; NaN with fewer than two seeds.
  double p = 1;
  /// The smallest change that this many seeds show with the given power, beyond floor or ceiling or
  /// by the test.
  double detectable = 0;
  /// Undecided rows: seeds with which the test decides a change of the observed size with the given
  /// power; 0 if unknown.
  std::size_t seeds_needed = 0;
  bool by_floor = false;  ///< the mean lies below the floor or above the ceiling
  bool by_test = false;   ///< p < alpha
};

/// Compares every row of the reference with the candidate's. Throws UserError if a row is missing
/// or was measured under another configuration (the message names the options that differ) or
/// protocol.
std::vector<RowVerdict> gate_metrics(const Reference& reference, const Measured& candidate,
                                     const GateOptions& options);

}  // namespace lcr::check
