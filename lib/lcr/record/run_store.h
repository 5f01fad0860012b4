// The store of runs on disk: runs/<identity>/ holds the files of one training. A run is done once
// its result.json exists, which is written last and atomically. The process that trains it holds
// the lock on its file "lock".
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lcr/base/files.h"
#include "lcr/record/run_identity.h"

namespace lcr {

/// One measured number of a run.
struct Measurement {
  /// "last", or selected on the test split: "best_rank1" (one epoch for all metrics), "best_each".
  std::string selection;
  std::string pooling;  ///< "average", "attention", "bilinear", "none"
  std::string metric;   ///< "rank1", "rank5", "mean_average_precision", in percent; or a loss
  double value = 0;
  std::int64_t epoch = 0;  ///< epochs trained before the measurement
};

/// What ran, and where: for the record, never part of an identity.
struct Provenance {
  /// Commit of this project, with "+dirty" if the tree had changes. Several, joined by " then ", if
  /// other builds resumed the run.
  std::string commit;
  std::string device;     ///< name of the CPU or GPU
  std::string libtorch;   ///< its version
  std::string libraries;  ///< builds of the numeric libraries: numeric_libraries()
  std::string isa, compiler, precision;
  int threads = 0;
  int resumed = 0;                 ///< how many times the training resumed from a checkpoint
  bool inexact_resume = false;     ///< at least one of those resumes could not be bit-exact
  bool inexact_init = false;       ///< the same for the run that made its initial weights
  double peak_gpu_memory_mib = 0;  ///< memory that LibTorch held on the GPU; 0 on the CPU
  /// For a run that was not trained here: "imported from <file> (SHA-256 ...)". Of the rest, only
  /// the commit is then set: that of the program that imported it.
  std::string imported;
};

/// The content of result.json.
struct RunResult {
  std::vector<Measurement> measurements;
  std::string evaluation_hash;    ///< SHA-256 of the evaluation protocol's text
  double wall_seconds = 0;        ///< whole run, with evaluation
  double samples_per_second = 0;  ///< training images per second, without evaluation; 0: controls
  double peak_memory_mib = 0;     ///< largest resident set of the process
  Provenance provenance;
};

void to_json(nlohmann::json& json, const Measurement& value);
void from_json(const nlohmann::json& json, Measurement& value);
void to_json(nlohmann::json& json, const Provenance& value);
void from_json(const nlohmann::json& json, Provenance& value);
void to_json(nlohmann::json& json, const RunResult& value);
void from_json(const nlohmann::json& json, RunResult& value);

/// The state of a directory in the store.
enum class RunState {
  kPartial,  ///< started, not finished
  kDone,
  kDamaged,  ///< its files contradict each other or cannot be read
  kForeign,  ///< has options or values that only another version knows; may be intact
};

/// A run as `lcr-runs` sees it: by its files alone.
struct StoredRun {
  std::string name;  ///< name of the directory
  RunState state = RunState::kPartial;
  std::string problem;                ///< if damaged or foreign: what is wrong, and where
  std::optional<std::string> holder;  ///< the process that holds its lock
  std::optional<RunResult> result;    ///< if finished
};

/// Reads the records of a directory and checks them against each other (identity, options, result,
/// epochs, evaluations; not the weights). Does not throw on damaged content: the state reports it.
StoredRun inspect_run(const std::filesystem::path& directory);

/// Access to the runs below a root directory.
class RunStore {
 public:
  explicit RunStore(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path directory(const RunIdentity& run) const { return root_ / run.directory; }

  /// The result of a finished run, or nothing if it is absent or unfinished. Throws UserError if
  /// the record is damaged, or if it belongs to another identity, naming the options that differ.
  std::optional<RunResult> find(const RunIdentity& run) const;

  /// Creates the run's directory and waits for its lock.
  FileLock lock(const RunIdentity& run) const;

  /// Writes identity.txt and config.ini (the resolved options of the run's identity; not --init).
  /// If they exist already, throws UserError if they differ, naming the options.
  void begin(const RunIdentity& run, const Options& options) const;

  /// Writes result.json, which makes the run done.
  void finish(const RunIdentity& run, const RunResult& result) const;

 private:
  std::filesystem::path root_;
};

}  // namespace lcr
