// The store of runs on disk: runs/<identity>/ holds what one training left behind. A run is done
// once its result.json exists, which is written last and atomically. Whoever trains it holds the
// lock on its file "lock".
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
  std::string selection;  ///< "last", or test-selected: "best_rank1" (one epoch for all metrics),
                          ///< "best_each"
  std::string pooling;    ///< "average", "attention", "bilinear", "none"
  std::string metric;     ///< "rank1", "rank5", "mean_average_precision", in percent
  double value = 0;
  std::int64_t epoch = 0;  ///< epochs trained when it was measured
};

/// What ran where: for the record, never part of an identity.
struct Provenance {
  std::string commit;  ///< of this project, "+dirty" where the tree had changes; several, joined by
                       ///< " then ", where a run went on with another
  std::string device;  ///< name of the CPU or GPU
  std::string libtorch;   ///< version
  std::string libraries;  ///< builds of the libraries that compute: numeric_libraries()
  std::string isa, compiler, precision;
  int threads = 0;
  int resumed = 0;              ///< how many times the training went on from a checkpoint
  bool inexact_resume = false;  ///< one of those times it could not be bit-exact
  bool inexact_init = false;    ///< that holds for the run that made its initial weights
};

struct RunResult {
  std::vector<Measurement> measurements;
  std::string evaluation_hash;    ///< SHA-256 of the evaluation protocol's text
  double wall_seconds = 0;        ///< whole run, evaluation included
  double samples_per_second = 0;  ///< training images a second, evaluation excluded; 0 for controls
  double peak_memory_mib = 0;     ///< resident set of the process
  Provenance provenance;
};

void to_json(nlohmann::json& json, const Measurement& value);
void from_json(const nlohmann::json& json, Measurement& value);
void to_json(nlohmann::json& json, const Provenance& value);
void from_json(const nlohmann::json& json, Provenance& value);
void to_json(nlohmann::json& json, const RunResult& value);
void from_json(const nlohmann::json& json, RunResult& value);

/// What a directory of the store holds.
enum class RunState {
  kPartial,  ///< begun, not finished
  kDone,
  kDamaged,  ///< its parts contradict each other, or cannot be read
  kForeign,  ///< its options are not those of this program: another version's, perhaps whole
};

/// A run as `lcr-runs` sees it: by its files alone.
struct StoredRun {
  std::string name;  ///< of the directory
  RunState state = RunState::kPartial;
  std::string problem;                ///< of a damaged or foreign one: what and where
  std::optional<std::string> holder;  ///< the process that works on it
  std::optional<RunResult> result;    ///< of a finished one
};

/// Reads the records of a directory and checks them against each other (identity, options, result,
/// epochs, evaluations; not the weights). Never throws for what is in it.
StoredRun inspect_run(const std::filesystem::path& directory);

class RunStore {
 public:
  explicit RunStore(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path directory(const RunIdentity& run) const { return root_ / run.directory; }

  /// The result of a finished run, or nothing if it is absent or only begun. Throws UserError if
  /// the record is damaged or belongs to another identity, and then names the options that differ.
  std::optional<RunResult> find(const RunIdentity& run) const;

  /// Makes the run's directory and waits for its lock.
  FileLock lock(const RunIdentity& run) const;

  /// Writes identity.txt and config.ini (the options of its identity, resolved; not --init). Where
  /// they are there already they must say the same: throws UserError naming the options that
  /// differ.
  void begin(const RunIdentity& run, const Options& options) const;

  /// Writes result.json: from now on the run is done.
  void finish(const RunIdentity& run, const RunResult& result) const;

 private:
  std::filesystem::path root_;
};

}  // namespace lcr
