// How good the gate is: its rates of false alarms and of caught defects, measured on pools of
// trained runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ci/metric_gate.h"
#include "lcr/base/statistics.h"

namespace lcr::check {

struct StudyOptions {
  std::string metrics = kDefaultMetrics;
  std::size_t reference_seeds = 20;
  std::vector<std::size_t> candidate_seeds = {3, 5};
  std::size_t resamples = 500;  ///< random splits of the pools
  GateOptions gate;
};

/// How often candidates of n seeds failed the gate.
struct StudyRow {
  std::string pool;  ///< "clean", or a defect's
  std::size_t n = 0;
  double share = 0;  ///< failed share of all candidates of all splits
  /// Shares of all candidates that failed by the tests and by the floors.
  double share_by_test = 0, share_by_floor = 0;
  /// Candidates of the first split, which share no seed with each other or with the reference.
  std::size_t failed = 0, trials = 0;
  Proportion interval;  ///< exact 95 % interval of failed / trials, given that split's reference
  /// The measurements that failed most often, each with its share of candidates.
  std::string telling;
};

/// Splits the clean pool's seeds at random into a reference and disjoint candidates, and gates each
/// candidate; gates the candidates from each defect's pool against the same references. Throws
/// UserError if a pool has too few seeds.
std::vector<StudyRow> study_gate(const Measured& clean,
                                 const std::vector<std::pair<std::string, Measured>>& defects,
                                 const StudyOptions& options);

/// Two tables in Markdown: false alarms and power.
std::string study_markdown(const std::vector<StudyRow>& rows, const StudyOptions& options);

}  // namespace lcr::check
