// The checkpoints of a run in training: written now and then, the last two kept, and what a stopped
// or killed run goes on from.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "lcr/experiment/training_record.h"
#include "lcr/record/options.h"
#include "lcr/record/run_store.h"

namespace lcr {

/// "name=value" lines of what changes the last bits of a training: on the CPU its threads, ISA and
/// the libraries that compute; on CUDA the device, LibTorch and whether only deterministic
/// operations are used.
std::string describe_environment(const Options& options, const Provenance& provenance, bool cuda);

/// How a run stands by its files.
class Checkpoints {
 public:
  /// directory: of the run. identity: its hash. environment: of describe_environment().
  /// inexact_init: what the run begins with bears kInexactMark; then, and after an inexact
  /// resume(), all that is written here bears it too.
  Checkpoints(std::filesystem::path directory, std::string identity, std::string environment,
              const Options& options, bool inexact_init);

  const std::string& environment() const { return environment_; }

  /// checkpoints/<name>.safetensors, to be kept.
  std::filesystem::path file(const std::string& name) const;
  /// Keeps the trainer's state under a name: of the last epoch, the best, a pinned one.
  void keep(Trainer& trainer, const std::string& name, std::int64_t epochs_done) const;

  /// Whether so many minutes have gone since the last one that the options ask for another.
  bool due() const;
  /// Whether the options ask for one after this many epochs.
  bool due_after(std::int64_t epochs_done) const;
  /// Writes a checkpoint to go on from, and removes those before the last two.
  void write(Trainer& trainer, const TrainingRecord& record);

  /// Brings trainer and record to the newest checkpoint that is whole, if there is any; says on
  /// standard error where it goes on, and which files were passed over because they are damaged
  /// (they are removed then). Throws UserError where all are damaged, where one is another run's or
  /// of another format, and where threads, ISA, libraries or device are not those it was written
  /// with, unless --inexact-resume was given. Weights kept as the best that belong to a later epoch
  /// of a continuation that this one does not repeat are removed, with a word.
  void resume(Trainer& trainer, TrainingRecord& record);

  /// "checkpoints/resume-00001234.safetensors", the newest one; empty if there is none.
  std::string newest() const;

  /// Removes all checkpoints of a run's directory that are only for going on from.
  static void clear(const std::filesystem::path& directory);

 private:
  static std::vector<std::filesystem::path> resume_files(
      const std::filesystem::path& directory);  ///< newest first
  /// repeats: what comes gives the same bits as the continuation that may have been before.
  void drop_abandoned_best(const TrainingRecord& record, bool repeats) const;

  using Clock = std::chrono::steady_clock;
  std::filesystem::path directory_;
  std::string identity_, environment_;
  CheckpointInterval interval_;
  bool inexact_allowed_, inexact_always_, inexact_;
  Clock::time_point written_ = Clock::now();
};

}  // namespace lcr
