// The training loop of every method: one epoch at a time, so that evaluation and records stay outside.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lcr/data/image_set.h"
#include "lcr/method/method.h"
#include "lcr/record/options.h"
#include "lcr/train/sgd.h"

namespace lcr {

class DeviceViews;

/// Means over the steps of one epoch.
struct EpochLog {
  std::int64_t epoch = 0;  ///< from 1
  std::int64_t steps = 0;
  double lr = 0;
  double loss = 0, contrastive = 0, kl = 0;
  double seconds = 0;  ///< wall time of the training part
};

/// Told after every step: steps done in this training, its loss.
using StepObserver = std::function<void(std::int64_t steps_done, double loss)>;

class Trainer {
 public:
  /// `options` and `train_set` must outlive the trainer. threads: host threads for this run, shared by its ranks. `method` becomes
  /// rank 0's replica, on `device`; the other ranks get copies of it, on the CUDA devices that follow in turn.
  Trainer(std::shared_ptr<Method> method, const Options& options, const ImageSet& train_set, std::uint64_t seed, const torch::Device& device, int threads);

  std::int64_t steps_per_epoch() const { return train_set_.count() / options_.batch_size; }

  /// Trains epoch `epoch` (from 0), at most `max_steps` steps of it. Throws Interrupted when a signal asked to stop, UserError
  /// when the loss is no longer finite.
  EpochLog run_epoch(std::int64_t epoch, const StepObserver& observer, std::int64_t max_steps);

  /// Rank 0's replica: the one that is evaluated and saved. Between epochs all replicas' trained parameters, key encoders and
  /// queues are equal; batch norm's running statistics are each rank's own, and rank 0's count (as in PyTorch's
  /// DistributedDataParallel).
  Method& method() { return *replicas_.front().method; }

  /// From now on the branch uses only these projections (all if empty), on every rank.
  void select_projections(const std::vector<std::int64_t>& chosen);

  /// Writes the full training state: networks, key encoder, queue, branch with its selection, the optimiser's velocities, epochs done. The
  /// learning rate and all random numbers follow from the epoch and the seed. `identity` is the run's hash.
  void save(const std::filesystem::path& path, const std::string& identity, std::int64_t epochs_done);

  /// Restores what save() wrote and returns the epochs done. Throws UserError if the file is damaged, from another run than
  /// `identity`, or of another format.
  std::int64_t load(const std::filesystem::path& path, const std::string& identity);

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
  EpochLog train_rank(int rank, std::int64_t epoch, const StepObserver& observer, std::int64_t max_steps);

  const Options& options_;
  const ImageSet& train_set_;
  std::uint64_t seed_;
  int threads_;  ///< of each rank
  RankGroup ranks_;
  std::vector<Replica> replicas_;
};

}  // namespace lcr
