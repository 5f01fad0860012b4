// What the gate is worth: how often it raises a false alarm, and how often it catches a defect,
// measured on pools of trained runs.
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
  double share = 0;                              ///< failed, over all splits
  double share_by_test = 0, share_by_floor = 0;  ///< of them by the tests, by floors
  std::size_t failed = 0, trials = 0;  ///< of the candidates of the first split, which share no
                                       ///< seed with each other or the reference
  Proportion interval;  ///< exact 95 % interval of failed / trials, given that split's reference
  std::string telling;  ///< the measurements that failed most often, with the share of candidates
                        ///< in which each did
};

/// Splits the clean pool's seeds at random into a reference and disjoint candidates and gates each
/// candidate; then the candidates of each defect's pool against references from the clean one.
/// Throws UserError where a pool has too few seeds.
std::vector<StudyRow> study_gate(const Measured& clean,
                                 const std::vector<std::pair<std::string, Measured>>& defects,
                                 const StudyOptions& options);

/// The two tables, of false alarms and of power, in Markdown.
std::string study_markdown(const std::vector<StudyRow>& rows, const StudyOptions& options);

}  // namespace lcr::check
