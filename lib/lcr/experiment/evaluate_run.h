// Evaluates a finished run by the protocols of the option table, at any time after its training.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/evaluate/protocol.h"
#include "lcr/experiment/run.h"
#include "lcr/record/run_identity.h"

namespace lcr {

/// The record of one evaluation of a run.
struct EvaluationRecord {
  std::string hash;            ///< SHA-256 of the protocol's canonical text
  std::filesystem::path file;  ///< evaluations/<first 12 digits>.json in the run's directory
  std::vector<EvaluationEntry> entries;
};

/// Checks the values of the evaluation options. Throws UserError.
void check_evaluation(const Options& options);

/// The hash of the evaluation that the options ask for.
std::string evaluation_hash(const Options& options);

/// The record of a finished evaluation, or nothing if there is none. Throws UserError if it is
/// damaged or belongs to another run or protocol.
std::optional<EvaluationRecord> find_evaluation(const std::filesystem::path& run,
                                                const RunIdentity& identity,
                                                const Options& options);

/// The panel of heat maps that an evaluation by the protocol "projections" writes:
/// evaluations/<hash>-projections.png in the run's directory.
std::filesystem::path projection_panel_file(const std::filesystem::path& run,
                                            const Options& options);

/// Returns the record of an evaluation if it exists, even if another program writes it meanwhile;
/// otherwise evaluates the run and writes the record. Also writes evaluations/labels-<share>.txt,
/// the training images of a probe with fewer labels, and projection_panel_file(). options: the
/// run's own with those of the evaluation; `data` must be the data of `identity`. Throws UserError
/// if the run has no such checkpoint, or if its network and data do not allow the protocol.
EvaluationRecord evaluate_run(const std::filesystem::path& run, const RunIdentity& identity,
                              const Options& options, const Dataset& data, int threads,
                              const RunObserver& observer);

}  // namespace lcr
