// The training loop of every method: one epoch at a time, so that evaluation and records stay
// outside.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lcr/base/error.h"
#include "lcr/data/image_set.h"
#include "lcr/method/method.h"
#include "lcr/record/options.h"
#include "lcr/train/sgd.h"

namespace lcr {

class DeviceViews;

/// What is known of one epoch after its steps so far.
struct EpochLog {
  std::int64_t epoch = 0;  ///< from 1
  std::int64_t steps = 0;
  double lr = 0;  ///< of the last step
  double loss_sum = 0, contrastive_sum = 0, kl_sum = 0;
  double seconds = 0;  ///< wall time of the training part
  /// Means over the steps.
  double loss() const { return loss_sum / count(); }
  double contrastive() const { return contrastive_sum / count(); }
  double kl() const { return kl_sum / count(); }

 private:
  double count() const { return static_cast<double>(steps > 0 ? steps : 1); }
};

/// A loss is no longer finite. The message names the step and the loss term.
class Diverged : public UserError {
 public:
  using UserError::UserError;
};

/// A checkpoint that is whole, but another run's or of another format: nothing to pass over in
/// silence.
class ForeignCheckpoint : public UserError {
 public:
  using UserError::UserError;
};

/// In the metadata of weights whose training, or that of the weights which it began with, once went
/// on from a checkpoint inexactly.
inline const std::pair<const std::string, std::string> kInexactMark = {"lcr.resume", "inexact"};

/// What a checkpoint says besides its tensors.
struct CheckpointInfo {
  std::string identity;  ///< the run's hash
  std::int64_t epochs_done = 0;
  std::int64_t steps_done = 0;  ///< of the epoch after those
  std::string
      environment;       ///< "name=value" lines: what must be the same for a bit-exact continuation
  std::string progress;  ///< the run's records so far, in a form of its own; empty where the
                         ///< checkpoint is not for going on from
  bool inexact = false;  ///< bears kInexactMark; not read back, the records know it
};

/// Told after every step: steps done in this training, its loss.
using StepObserver = std::function<void(std::int64_t steps_done, double loss)>;

class Trainer {
 public:
  /// `options` and `train_set` must outlive the trainer. threads: host threads for this run, shared
  /// by its ranks. `method` becomes rank 0's replica, on `device`; the other ranks get copies of
  /// it, on the CUDA devices that follow in turn.
  Trainer(std::shared_ptr<Method> method, const Options& options, const ImageSet& train_set,
          std::uint64_t seed, const torch::Device& device, int threads);

  std::int64_t steps_per_epoch() const { return train_set_.count() / options_.batch_size; }

  /// Trains epoch `epoch` (from 0) on from where `log` left it, up to its `max_steps`-th step.
  /// Whenever `pause` says so after a step, it returns early, on every rank after the same step:
  /// log.steps then is below steps_per_epoch(). Throws Diverged.
  EpochLog run_epoch(std::int64_t epoch, const StepObserver& observer, std::int64_t max_steps,
                     const EpochLog& log = {}, const std::function<bool()>& pause = {});

  /// Rank 0's replica: the one that is evaluated and saved. Between epochs all replicas' trained
  /// parameters, key encoders and queues are equal; batch norm's running statistics are each rank's
  /// own, and rank 0's count (as in PyTorch's DistributedDataParallel).
  Method& method() { return *replicas_.front().method; }

  /// From now on the branch uses only these projections (all if empty), on every rank.
  void select_projections(const std::vector<std::int64_t>& chosen);

  /// Writes the full training state: networks, key encoder, queue, branch with its selection, the
  /// optimiser's velocities. The learning rate and all random numbers follow from the step and the
  /// seed. The file is written whole or not at all, and carries a checksum. Throws Diverged where a
  /// number in it is not finite, and writes nothing then.
  void save(const std::filesystem::path& path, const CheckpointInfo& info);

  /// Restores what save() wrote. Throws UserError if the file is damaged, ForeignCheckpoint if it
  /// is another run's than `identity` or of another format; nothing is changed then.
  CheckpointInfo load(const std::filesystem::path& path, const std::string& identity);

 private:
  struct Replica {
    std::shared_ptr<Method> method;
    torch::Device device;
    std::unique_ptr<Sgd> optimizer;
    std::shared_ptr<DeviceViews> views;  ///< on a CUDA device: where its views are rendered
  };

  /// Every tensor of a replica's training state by the name it has in a checkpoint.
  static std::map<std::string, torch::Tensor> state(Replica& replica);
  /// Gives every rank the state of rank 0.
  void broadcast();
  /// One rank's part of an epoch; returns its log without the time.
  EpochLog train_rank(int rank, std::int64_t epoch, const StepObserver& observer,
                      std::int64_t max_steps, EpochLog log, const std::function<bool()>& pause);
  /// Whether rank 0 wants to pause: all ranks must stop after the same step.
  bool agree_to_pause(int rank, const std::function<bool()>& pause);

  const Options& options_;
  const ImageSet& train_set_;
  std::uint64_t seed_;
  int threads_;  ///< of each rank
  RankGroup ranks_;
  std::vector<Replica> replicas_;
};

}  // namespace lcr
