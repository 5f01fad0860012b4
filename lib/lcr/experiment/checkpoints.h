// The checkpoints of a run in training. They are written at intervals, the last two are kept, and a
// run that was stopped or killed resumes from them.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "lcr/config/options.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/training_record.h"
#include "lcr/record/run_store.h"

namespace lcr {

/// "name=value" lines of the conditions that change the last bits of a training: on the CPU the
/// threads, ISA and numeric libraries; on CUDA the device, LibTorch and whether only deterministic
/// operations are used.
std::string describe_environment(const Options& options, const Provenance& provenance, bool cuda);

/// Writes the checkpoints of one run and resumes the run from them.
class Checkpoints {
 public:
  /// directory: the run's. identity: its hash. environment: what describe_environment() returns.
  /// inexact_init: whether the run's initial weights have kInexactMark; if so, or after an inexact
  /// resume(), everything written here gets the mark too.
  Checkpoints(std::filesystem::path directory, std::string identity, std::string environment,
              const Options& options, bool inexact_init);

  const std::string& environment() const { return environment_; }

  /// checkpoints/<name>.safetensors in the run's directory. Creates the folder.
  std::filesystem::path file(const std::string& name) const;
  /// Saves the trainer's state permanently under a name: the last epoch's, the best, a pinned one.
  void keep(Trainer& trainer, const std::string& name, std::int64_t epochs_done) const;

  /// Whether the interval of --checkpoint-every in minutes has passed since the last checkpoint.
  bool due() const;
  /// Whether --checkpoint-every asks for a checkpoint after this many epochs.
  bool due_after(std::int64_t epochs_done) const;
  /// Writes a checkpoint for resuming and removes all but the last two.
  void write(Trainer& trainer, const TrainingRecord& record);

  /// Restores trainer and record from the newest intact checkpoint, if there is any. Says on
  /// standard error where the run resumes and which damaged files it skips, and removes those.
  /// Throws UserError if all are damaged, if one belongs to another run or has another format, or,
  /// without --inexact-resume, if it was written with other threads, ISA, libraries or device. If
  /// the weights of the best epoch belong to a later epoch of a continuation that this one does not
  /// repeat, removes them with a warning.
  void resume(Trainer& trainer, TrainingRecord& record);

  /// The path of the newest checkpoint for resuming, resume-<steps>.safetensors; empty if none.
  std::string newest() const;

  /// Removes all checkpoints in a run's directory that exist only for resuming.
  static void clear(const std::filesystem::path& directory);

 private:
  /// The checkpoints for resuming, newest first.
  static std::vector<std::filesystem::path> resume_files(const std::filesystem::path& directory);
  /// repeats: from here on the training gives the same bits as any earlier continuation did.
  void drop_abandoned_best(const TrainingRecord& record, bool repeats) const;

  using Clock = std::chrono::steady_clock;
  std::filesystem::path directory_;
  std::string identity_, environment_;
  CheckpointInterval interval_;
  bool inexact_allowed_, inexact_always_, inexact_;
  Clock::time_point written_ = Clock::now();
};

}  // namespace lcr
