// What a training has recorded so far: all that its results are made from, and that it must have
// again when it goes on from a checkpoint.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lcr/evaluate/retrieval.h"
#include "lcr/record/run_store.h"
#include "lcr/train/trainer.h"

namespace lcr {

/// The scores of every pooling at one moment.
using Evaluation = std::map<std::string, RetrievalScores>;

struct TrainingRecord {
  std::int64_t epochs_done = 0;
  EpochLog log;                                ///< of the epoch after those
  EpochLog last;                               ///< of the last whole epoch
  std::map<std::int64_t, Evaluation> history;  ///< by epoch
  std::string epochs_csv;
  double best_rank1 = -1;
  std::vector<std::int64_t> chosen;  ///< projections kept after subset_epoch
  std::int64_t train_steps = 0;      ///< that train_seconds were spent on: a branch's own
  double train_seconds = 0, wall_seconds = 0;
  int resumed = 0;
  bool inexact_resume = false;
  std::vector<std::string> commits;  ///< of the programs that trained it, in their order
};

/// As JSON text, with every number exact.
std::string to_text(const TrainingRecord& record);
/// Throws UserError naming `source` where it is not what to_text() made.
TrainingRecord parse_training_record(const std::string& text, const std::string& source);

/// The header of epochs.csv; `poolings` are those that each epoch is evaluated by.
std::string epochs_header(const std::vector<std::string>& poolings);
/// A line of it; `scores`: null where the epoch was not evaluated.
std::string epochs_row(const EpochLog& log, const Evaluation* scores,
                       const std::vector<std::string>& poolings, std::int64_t batch_size);

/// The losses of the last epoch, means over its steps: "contrastive_loss" ("byol_loss",
/// "classification_loss" on other hosts) and, with a GFB, "kl_loss", before their weights lambda
/// and nu; pooling "none".
std::vector<Measurement> loss_measurements(const EpochLog& last, const Options& options);

/// From the evaluations of all epochs to the measurements of the three selections.
std::vector<Measurement> select_measurements(const std::map<std::int64_t, Evaluation>& history,
                                             const std::string& own_pooling);

}  // namespace lcr
