// Whether newly trained runs still measure what the reference measured.
#pragma once

#include <string>
#include <vector>

#include "ci/reference.h"

namespace lcr::check {

enum class Verdict {
  kPass,
  kRegressed,
  kImproved,  ///< significantly better: no fault, but the reference no longer says what the program
              ///< does
  kUndecided,  ///< too few seeds to say
};

const char* verdict_name(Verdict verdict);

struct GateOptions {
  /// Chance that the tests (Welch's statistic, unchanged_p_greater()), all rows together, call a
  /// regression where nothing has changed. The reference's floor_level comes on top: the gate's
  /// promise is their sum.
  double alpha = 0.04;
  double power = 0.8;   ///< with which a detectable change is detected, and enough seeds are enough
  bool explain = true;  ///< look for improvements too, and fill in detectable and seeds_needed,
                        ///< which takes milliseconds a row
};

struct RowVerdict {
  MetricKey key;
  Direction direction = Direction::kHigher;
  Verdict verdict = Verdict::kPass;
  std::string reason;  ///< in words, for people
  double reference_mean = 0, reference_sd = 0, mean = 0, sd = 0;
  std::size_t reference_n = 0, n = 0;
  std::size_t shared_seeds =
      0;  ///< of the candidate that are the reference's own: equal numbers are then no new evidence
  double p =
      1;  ///< of a change for the worse, Holm-adjusted over all rows; NaN with fewer than two seeds
  double detectable = 0;  ///< the change that this many seeds would show with the asked power:
                          ///< beyond floor or ceiling, or by the test
  std::size_t seeds_needed =
      0;  ///< of an undecided row: seeds with which the test decides a change of the observed size
          ///< with the asked power; 0 if it is not known
  bool by_floor = false;  ///< the mean lies outside floor or ceiling
  bool by_test = false;   ///< p < alpha
};

/// Compares every row of the reference with the candidate's. Throws UserError where a row is
/// missing, or was measured under another configuration or protocol, and then says which options
/// differ.
std::vector<RowVerdict> gate_metrics(const Reference& reference, const Measured& candidate,
                                     const GateOptions& options);

}  // namespace lcr::check
