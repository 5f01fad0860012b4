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

/// The column of epochs.csv with a term of the loss; index: its place in StepLoss::terms. The
/// method's own loss is "contrastive" and the KL loss "kl", whatever the method; others have their
/// names.
std::string term_column(std::size_t index, const std::string& term);
/// The header of epochs.csv; log: any of its epochs; `poolings` are those by which each epoch is
/// evaluated.
std::string epochs_header(const EpochLog& log, const std::vector<std::string>& poolings);
/// A line of epochs.csv; `scores` is null if the epoch was not evaluated.
std::string epochs_row(const EpochLog& log, const Evaluation* scores,
                       const std::vector<std::string>& poolings, std::int64_t batch_size);

/// The terms of the loss in the last epoch, means over its steps; pooling "none". Empty if they are
/// not known: checkpoints of older versions lack the log or its names.
std::vector<Measurement> loss_measurements(const EpochLog& last);
/// Whether a measurement or result of this metric is one of them.
bool is_loss(const std::string& metric);

/// The measurements of the selections "last", "best_rank1" (by `own_pooling`) and "best_each" from
/// the evaluations of all epochs, of which there must be at least one.
std::vector<Measurement> select_measurements(const std::map<std::int64_t, Evaluation>& history,
                                             const std::string& own_pooling);

}  // namespace lcr
