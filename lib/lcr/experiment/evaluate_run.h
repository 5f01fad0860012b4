// Evaluation of a finished run by the protocols of the option table, at any time after its
// training.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lcr/data/image_set.h"
#include "lcr/experiment/run.h"
#include "lcr/record/options.h"
#include "lcr/record/run_identity.h"

namespace lcr {

/// One measured number.
struct EvaluationEntry {
  std::string pooling;  ///< or, of localisation, the source of the map
  std::string metric;
  std::string detail;  ///< settings within the protocol, "label-share=0.5;probe-lr=30", or empty
  double value = 0;
};

struct EvaluationRecord {
  std::string hash;            ///< SHA-256 of the protocol's canonical text
  std::filesystem::path file;  ///< evaluations/<first 12 digits>.json in the run's directory
  std::vector<EvaluationEntry> entries;
};

/// Refuses evaluation options that make no sense, alone or for this run. Throws UserError.
void check_evaluation(const Options& options);

/// The hash of the evaluation that the options ask for.
std::string evaluation_hash(const Options& options);

/// The record of a finished evaluation, if the run has it. Throws UserError if it is damaged.
std::optional<EvaluationRecord> find_evaluation(const std::filesystem::path& run,
                                                const RunIdentity& identity,
                                                const Options& options);

/// The panel of heat maps that an evaluation by the protocol "projections" leaves:
/// evaluations/<hash>-projections.png.
std::filesystem::path projection_panel_file(const std::filesystem::path& run,
                                            const Options& options);

/// The record of an evaluation: the one that is there, also when another program writes it
/// meanwhile, or else evaluates the run and writes it. Beside it: evaluations/labels-<share>.txt,
/// the training images that a probe with fewer labels used; projection_panel_file(). options: the
/// run's own with those of the evaluation; the data must be those of `identity`. Throws UserError
/// where the run has no such checkpoint, or network and data do not allow the protocol.
EvaluationRecord evaluate_run(const std::filesystem::path& run, const RunIdentity& identity,
                              const Options& options, const Dataset& data, int threads,
                              const RunObserver& observer);

}  // namespace lcr
