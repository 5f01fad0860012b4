// What a training has recorded so far: everything that its results are computed from, and that it
// must restore when it resumes from a checkpoint.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lcr/evaluate/retrieval.h"
#include "lcr/record/run_store.h"
#include "lcr/train/trainer.h"

namespace lcr {

/// The scores of one evaluation, by pooling.
using Evaluation = std::map<std::string, RetrievalScores>;

/// The records of a training. They are part of its checkpoints.
struct TrainingRecord {
  std::int64_t epochs_done = 0;
  EpochLog log;                                ///< the epoch in progress, after `epochs_done`
  EpochLog last;                               ///< the last complete epoch
  std::map<std::int64_t, Evaluation> history;  ///< by epoch
  std::string epochs_csv;                      ///< content of the file so far
  double best_rank1 = -1;                      ///< in percent; -1: not evaluated yet
  std::vector<std::int64_t> chosen;            ///< projections kept after subset_epoch
  std::int64_t train_steps = 0;  ///< steps of train_seconds: without those of a branch's trunk
  double train_seconds = 0, wall_seconds = 0;
  int resumed = 0;                   ///< how many times the training resumed from a checkpoint
  bool inexact_resume = false;       ///< at least one of those resumes could not be bit-exact
  std::vector<std::string> commits;  ///< of the programs that trained it, in order
};

/// The record as JSON text, with every number exact.
std::string to_text(const TrainingRecord& record);
/// Parses what to_text() wrote. Throws UserError naming `source` if the text is damaged.
TrainingRecord parse_training_record(const std::string& text, const std::string& source);

/// The header of epochs.csv; `poolings` are those by which each epoch is evaluated.
std::string epochs_header(const std::vector<std::string>& poolings);
/// A line of epochs.csv; `scores` is null if the epoch was not evaluated.
std::string epochs_row(const EpochLog& log, const Evaluation* scores,
                       const std::vector<std::string>& poolings, std::int64_t batch_size);

/// What the loss next to the KL loss is called: "contrastive_loss", "byol_loss" or
/// "classification_loss".
const char* host_loss(const Options& options);

/// The losses of the last epoch, means over its steps: host_loss() and, with a GFB, "kl_loss",
/// without their weights lambda and nu; pooling "none".
std::vector<Measurement> loss_measurements(const EpochLog& last, const Options& options);

/// The measurements of the selections "last", "best_rank1" (by `own_pooling`) and "best_each" from
/// the evaluations of all epochs, of which there must be at least one.
std::vector<Measurement> select_measurements(const std::map<std::int64_t, Evaluation>& history,
                                             const std::string& own_pooling);

}  // namespace lcr
