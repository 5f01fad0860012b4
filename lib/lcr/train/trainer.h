// The training loop of every method, one epoch at a time: evaluation and records stay outside.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lcr/base/error.h"
#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/method/host_options.h"
#include "lcr/method/method.h"
#include "lcr/train/checkpoint_file.h"
#include "lcr/train/gradient_average.h"
#include "lcr/train/sgd.h"
#include "lcr/train/step_reports.h"

namespace lcr {

class DeviceViews;

/// The log of one epoch's steps so far.
struct EpochLog {
  std::int64_t epoch = 0;  ///< from 1
  std::int64_t steps = 0;
  double lr = 0;  ///< of the last step
  double loss_sum = 0;
  std::vector<TermSum> terms;  ///< in the order of StepLoss::terms
  double seconds = 0;          ///< wall time of the training part
  /// A sum's mean over the steps.
  double mean(double sum) const { return sum / static_cast<double>(steps > 0 ? steps : 1); }
  double loss() const { return mean(loss_sum); }
};

/// A loss is no longer finite. The message names the step and the loss term.
class Diverged : public UserError {
 public:
  using UserError::UserError;
};

/// Called after every step with the steps done in this training and the step's loss.
using StepObserver = std::function<void(std::int64_t steps_done, double loss)>;

/// Trains one method, as one rank of several or alone.
class Trainer {
 public:
  /// `options` and `train_set` must outlive the trainer. threads: host threads of this rank's
  /// steps. `method` becomes this rank's replica, on `device`, and gets the state of rank 0's.
  /// ranks: of options.get<BatchOptions>().ranks, to train; all make a trainer at the same time and
  /// then call run_epoch(), select_projections() and synchronise() in the same order. A trainer
  /// that only saves needs no others. Throws UserError on less than one batch.
  Trainer(std::shared_ptr<Method> method, const Options& options, const ImageSet& train_set,
          std::uint64_t seed, const torch::Device& device, int threads, ProcessGroup ranks = {});

  std::int64_t steps_per_epoch() const {
    return train_set_.count() / options_.get<BatchOptions>().batch_size;
  }

  /// Trains epoch `epoch` (from 0), continuing where `log` ends, up to its `max_steps`-th step. If
  /// `pause` returns true in a step, on any rank, it returns early on every rank after that step,
  /// on CUDA after the next (StepReports): the log's steps are then below steps_per_epoch(), unless
  /// that was the last. If a signal asked any of several ranks to stop, it did so for all of them
  /// (request_stop()). Throws Diverged, and calls `observer`, as late, but before it returns.
  EpochLog run_epoch(std::int64_t epoch, const StepObserver& observer, std::int64_t max_steps,
                     const EpochLog& log = {}, const std::function<bool()>& pause = {});

  /// This rank's replica. Rank 0's is evaluated and saved. Between epochs all replicas' trained
  /// parameters, key encoders and queues are equal; batch norm's running statistics are each rank's
  /// own, and rank 0's are used (as in PyTorch's DistributedDataParallel).
  Method& method() { return *method_; }
  const ProcessGroup& ranks() const { return ranks_; }

  /// Makes the branch use only the projections that rank 0 names (all if empty) from now on, on
  /// every rank.
  void select_projections(const std::vector<std::int64_t>& chosen);

  /// Gives every rank the state of rank 0, which may have loaded one, and its two numbers.
  std::pair<std::int64_t, std::int64_t> synchronise(std::int64_t epochs_done,
                                                    std::int64_t steps_done);

  /// Writes the full training state: networks, key encoder, queue, branch with its selection, the
  /// optimiser's velocities. The learning rate and all random numbers follow from the step and the
  /// seed. The file is written whole or not at all, and carries a checksum. Throws Diverged, and
  /// writes nothing, if a number in it is not finite.
  void save(const std::filesystem::path& path, const CheckpointInfo& info);

  /// Restores what save() wrote. Throws UserError if the file is damaged, ForeignCheckpoint if it
  /// belongs to a run other than `identity` or has another format; nothing is changed then.
  CheckpointInfo load(const std::filesystem::path& path, const std::string& identity);

 private:
  /// Every tensor of the training state by the name it has in a checkpoint.
  NamedTensors state();
  /// Adds a step to its epoch's log and tells `observer`. Throws Diverged.
  void note(const StepReport& report, EpochLog& log, const StepObserver& observer) const;
  /// The epoch's steps; returns the log without the time.
  EpochLog train(std::int64_t epoch, const StepObserver& observer, std::int64_t max_steps,
                 EpochLog log, const std::function<bool()>& pause);

  const Options& options_;
  const ImageSet& train_set_;
  std::uint64_t seed_;
  torch::Device device_;
  int threads_;
  ProcessGroup ranks_;
  std::shared_ptr<Method> method_;
  std::unique_ptr<Sgd> optimizer_;
  std::unique_ptr<GradientAverage> average_;
  std::shared_ptr<DeviceViews> views_;  ///< renders the views, on a CUDA device; else null
};

}  // namespace lcr
