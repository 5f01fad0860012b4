#include "lcr/experiment/run.h"

#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>

#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/config/command_line.h"
#include "lcr/data/batch_options.h"
#include "lcr/evaluate/features.h"
#include "lcr/evaluate/retrieval.h"
#include "lcr/experiment/checkpoints.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/follow_training.h"
#include "lcr/experiment/recorded_training.h"
#include "lcr/experiment/run_ranks.h"
#include "lcr/experiment/run_retrieval.h"
#include "lcr/experiment/training_record.h"
#include "lcr/experiment/try_training.h"
#include "lcr/method/method.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"
#include "lcr/model/weights.h"
#include "lcr/train/trainer.h"
#include "lcr/train/training_options.h"

namespace lcr {
namespace {

using Clock = std::chrono::steady_clock;

/// Whether the initial weights, from a stand-in or --init, have the mark of a training that was
/// resumed inexactly from a checkpoint.
bool starts_inexactly(const Options& options) {
  if (!method_of(options).has_network || options.get<InitOptions>().init.empty()) return false;
  const auto metadata = read_weights(options.get<InitOptions>().init).metadata;
  return std::find(metadata.begin(), metadata.end(), kInexactMark) != metadata.end();
}

/// Writes the weights from which other runs start, in a format that --init reads.
void write_backbone(const std::filesystem::path& path, Encoder& encoder,
                    const std::string& identity, bool inexact) {
  std::map<std::string, std::string> metadata = {{"identity", identity}};
  if (inexact) metadata.insert(kInexactMark);
  write_tensors(path, named_tensors(*encoder->backbone()), metadata);
}

/// The execution of one run, with what its parts share.
class Execution {
 public:
  Execution(const Options& options, const RunIdentity& identity, std::uint64_t seed,
            const Dataset& data, const RunStore& store, int threads, const RunObserver& observer,
            const RankVariables& place)
      : options_(options),
        identity_(identity),
        seed_(seed),
        data_(data),
        store_(store),
        threads_(threads),
        observer_(observer),
        device_(rank_device(resolve_device(options.get<ExecutionOptions>().device), place)),
        rank_threads_(threads_of(place, threads)),
        ranks_(join_ranks(options, place, device_)),
        directory_(store.directory(identity)) {
    at::set_num_threads(rank_threads_);
  }

  /// Trains up to --max-steps, if the method trains.
  void try_steps() {
    if (!method_of(options_).trains()) return;
    Trainer trainer = make_trainer();
    try_training(trainer, options_, identity_.directory, observer_);
  }

  /// Whether rank 0 says to the others that there is something to train.
  bool agree(bool missing) const { return ranks_.broadcast({missing ? 1 : 0}).front() != 0; }

  bool follows() const { return ranks_.rank() > 0; }

  /// Trains along with rank 0, which records the run.
  void follow() {
    Trainer trainer = make_trainer();
    follow_training(trainer, options_, data_, network_of(trainer.method()));
  }

  /// Executes and records the run. The caller holds its lock; the wall time counts from `start`.
  void record(Clock::time_point start) {
    RunResult result;
    result.provenance = begin();
    result.evaluation_hash = sha256_hex(retrieval_protocol(options_));
    const TrainingRecord record = train_or_evaluate(result.provenance);
    result.measurements = select_measurements(record.history, method_of(options_).judged_by);
    const auto losses = loss_measurements(record.last);
    result.measurements.insert(result.measurements.end(), losses.begin(), losses.end());
    const std::chrono::duration<double> seconds = Clock::now() - start;
    result.wall_seconds = seconds.count() + record.wall_seconds;
    result.samples_per_second =
        record.train_seconds > 0
            ? static_cast<double>(record.train_steps * options_.get<BatchOptions>().batch_size) /
                  record.train_seconds
            : 0;
    result.peak_memory_mib = peak_memory_mib();
    result.provenance.peak_gpu_memory_mib = peak_gpu_memory_mib(device_);
    result.provenance.resumed = record.resumed;
    result.provenance.inexact_resume = record.inexact_resume;
    if (!record.commits.empty()) result.provenance.commit = join(record.commits, " then ");
    store_.finish(identity_, result);
    Checkpoints::clear(directory_);
  }

 private:
  Trainer make_trainer() const {
    return Trainer(make_method(options_, seed_, data_.train.class_count), options_, data_.train,
                   seed_, device_, rank_threads_, ranks_);
  }

  /// The network in training, for evaluations, which the ranks share.
  EvaluatedNetwork network_of(Method& method) const {
    return {method.encoder(), method.gfb(), nullptr, options_, device_, rank_threads_, ranks_};
  }

  /// Prepares the run's directory and records under which conditions the run is executed.
  Provenance begin() const {
    // While the lock is held, no other process writes here.
    for (const auto& folder : {directory_, directory_ / "checkpoints"})
      remove_stale_temporaries(folder, Temporaries::kAll);
    store_.begin(identity_, options_);
    Provenance provenance = describe_provenance(options_, device_, threads_);
    nlohmann::json json = provenance;
    json["preset"] = options_.get<ProgramOptions>().preset;
    write_atomic(directory_ / "provenance.json", json.dump(1) + "\n");
    provenance.inexact_init = starts_inexactly(options_);
    return provenance;
  }

  /// The record of a training, or for the controls the evaluation as epoch 0 of one.
  TrainingRecord train_or_evaluate(const Provenance& provenance) {
    TrainingRecord record;
    if (!method_of(options_).has_network) {
      record.history[0]["none"] =
          leave_one_out_retrieval(raw_pixel_features(data_.test, options_, device_, threads_),
                                  class_labels(data_.test, device_));
    } else if (!method_of(options_).trains()) {
      Encoder encoder = make_encoder(options_, seed_);
      encoder->to(device_);
      record.history[0] =
          evaluate_retrieval({encoder, nullptr, nullptr, options_, device_, threads_}, data_);
    } else {
      record = train(provenance);
    }
    return record;
  }

  TrainingRecord train(const Provenance& provenance) {
    Checkpoints checkpoints(directory_, identity_.hash,
                            describe_environment(options_, provenance, device_.is_cuda()), options_,
                            provenance.inexact_init);
    Trainer trainer = make_trainer();
    const TrainingRecord record =
        train_with_records(trainer, options_, identity_, seed_, data_, network_of(trainer.method()),
                           store_, checkpoints, observer_);
    if (method_of(options_).kind == MethodKind::kSupervised)
      write_backbone(directory_ / "backbone.safetensors", trainer.method().encoder(),
                     identity_.hash, record.inexact_resume || provenance.inexact_init);
    return record;
  }

  const Options& options_;
  const RunIdentity& identity_;
  const std::uint64_t seed_;
  const Dataset& data_;
  const RunStore& store_;
  const int threads_;
  const RunObserver& observer_;
  const torch::Device device_;
  const int rank_threads_;  ///< of what the ranks on this machine do together
  const ProcessGroup ranks_;
  const std::filesystem::path directory_;
};

}  // namespace

std::string data_fingerprint(const std::string& train, const std::string& test) {
  return sha256_hex(train + "/" + test);
}

std::int64_t count_steps(const Options& options, std::int64_t training_images) {
  if (!method_of(options).trains()) return 0;
  const std::int64_t steps = options.get<TrainingOptions>().epochs *
                             (training_images / options.get<BatchOptions>().batch_size);
  return options.get<ExecutionOptions>().max_steps > 0
             ? std::min(steps, options.get<ExecutionOptions>().max_steps)
             : steps;
}

void execute_run(const Options& options, const RunIdentity& identity, std::uint64_t seed,
                 const Dataset& data, const RunStore& store, int threads,
                 const RunObserver& observer) {
  configure_libtorch(options, threads);
  Execution execution(options, identity, seed, data, store, threads, observer,
                      rank_variables(options));
  if (options.get<ExecutionOptions>().max_steps > 0) return execution.try_steps();
  if (execution.follows()) {
    if (execution.agree(false)) execution.follow();
    return;
  }
  const auto start = Clock::now();
  const FileLock lock = store.lock(identity);  // if two programs want the run, only one trains it
  if (execution.agree(!store.find(identity))) execution.record(start);
}

}  // namespace lcr
