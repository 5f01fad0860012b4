// Evaluation of a stored run by further protocols, at any time after its training.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lcr/record/options.h"

namespace lcr {

struct EvaluateOptions {
  std::filesystem::path run;               ///< directory of the run in its store
  std::string checkpoint = "last";         ///< last, best_rank1, or epoch-N
  std::vector<std::string> protocols;      ///< of retrieval, knn, probe-cached
  std::vector<std::int64_t> neighbours = {1, 200};   ///< k of kNN
  double knn_temperature = 0.1;
  std::vector<double> label_shares = {1.0, 0.5, 0.2};  ///< of the training labels, for the probe
  std::vector<double> probe_lrs = {30};
};

/// One number.
struct EvaluationEntry {
  std::string pooling, metric;
  double value = 0;
};

struct EvaluationRecord {
  std::filesystem::path file;  ///< evaluations/<hash>.json in the run's directory
  std::vector<EvaluationEntry> entries;
};

/// Restores the run's checkpoint, evaluates it with every pooling it has, and writes evaluations/<hash of the protocol>.json; the training
/// images that a probe with fewer labels used stand in evaluations/labels-<share>.txt. `control` gives data directory, pixel store, folder, device
/// and threads. Throws UserError if the run is damaged, has no such checkpoint, or if the data or this program's numerics are not those that it
/// was trained with.
EvaluationRecord evaluate_run(const EvaluateOptions& what, const Options& control);

}  // namespace lcr
