#include "lcr/experiment/run.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/signals.h"
#include "lcr/base/text.h"
#include "lcr/config/command_line.h"
#include "lcr/data/safetensors.h"
#include "lcr/data/view_options.h"
#include "lcr/evaluate/features.h"
#include "lcr/evaluate/projections.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/evaluate/retrieval.h"
#include "lcr/experiment/checkpoints.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/identify_run.h"
#include "lcr/experiment/training_record.h"
#include "lcr/experiment/version.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"
#include "lcr/model/weights.h"
#include "lcr/train/trainer.h"
#include "lcr/train/training_options.h"

namespace lcr {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The protocol in words. Its hash is in every row: numbers with different evaluation hashes were
/// not measured in the same way.
std::string protocol_text(const Options& o) {
  std::string text = fmt::format(
      "retrieval: leave-one-out on the test split, dot product of unit-length features, ties to "
      "the lower index\nimage_size={}\ntest_resize={}\n",
      o.get<InputOptions>().image_size, o.get<InputOptions>().test_resize);
  if (o.get<InputOptions>().test_interpolation != "bilinear")
    text += "test_interpolation=" + o.get<InputOptions>().test_interpolation + "\n";
  if (method_of(o).uses<LcrOptions>())
    text += "mask_norm=" + o.get<EvaluationOptions>().eval_mask_norm + "\n";
  if (method_of(o).uses<LcrOptions>() && o.get<EvaluationOptions>().eval_mask_norm == "batch")
    text += fmt::format("batch={}\n", kEvaluationBatch);
  return text;
}

/// Average pooling and the method's own.
std::vector<std::string> poolings_of(const Options& options) {
  std::vector<std::string> poolings = {"average"};
  if (method_of(options).judged_by != "average") poolings.push_back(method_of(options).judged_by);
  return poolings;
}

Evaluation evaluate(const EvaluatedNetwork& network, const Dataset& data,
                    const torch::Tensor& labels) {
  Evaluation scores;
  for (const auto& [pooling, features] :
       extract_features(network, data.test, test_views(data.test, network.options),
                        poolings_of(network.options)))
    scores[pooling] = leave_one_out_retrieval(features, labels);
  return scores;
}

/// Up to the epoch of the switch, a run that switches to a subset of projections equals the run
/// without the switch (its trunk). If the trunk has a checkpoint of that epoch, written under the
/// same conditions, continues from it and returns the epoch; otherwise returns 0. The numbers are
/// the same either way.
std::int64_t branch_from_trunk(Trainer& trainer, const Options& options,
                               const RunIdentity& identity, const RunStore& store,
                               const std::string& environment) {
  Options trunk_options = options;
  trunk_options.get<SubsetOptions>().subset = "all";
  const RunIdentity trunk = identify_run(trunk_options, identity.inputs);
  const auto path = store.directory(trunk) / "checkpoints" /
                    fmt::format("epoch-{}.safetensors", options.get<SubsetOptions>().subset_epoch);
  if (!std::filesystem::exists(path)) return 0;
  const auto trunk_result = store.find(trunk);
  const auto metadata = read_safetensors(path).metadata;
  const auto made_under = metadata.find("environment");
  if (made_under == metadata.end() || made_under->second != environment || !trunk_result ||
      trunk_result->provenance.inexact_resume) {
    say("{}: was not written under the same conditions (threads, CPU features, libraries); {} "
        "starts from the beginning\n",
        path.string(), identity.directory);
    return 0;
  }
  trainer.load(path, trunk.hash);
  return options.get<SubsetOptions>().subset_epoch;
}

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

void write_selection(const std::filesystem::path& path, const torch::Tensor& variance,
                     const std::vector<std::int64_t>& chosen) {
  const std::vector<double> values(variance.data_ptr<double>(),
                                   variance.data_ptr<double>() + variance.numel());
  write_atomic(path, nlohmann::json{{"variance", values}, {"chosen", chosen}}.dump(1) + "\n");
}

/// Selects projections for the object's lifetime; does nothing if `chosen` is null.
class SelectionFor {
 public:
  SelectionFor(Method& method, const std::vector<std::int64_t>* chosen)
      : method_(method), active_(chosen != nullptr) {
    if (active_) method_.gfb()->select(*chosen);
  }
  ~SelectionFor() {
    if (active_) method_.gfb()->select({});
  }
  SelectionFor(const SelectionFor&) = delete;
  SelectionFor& operator=(const SelectionFor&) = delete;

 private:
  Method& method_;
  bool active_;
};

/// Trains up to --max-steps and prints losses and speed; records nothing.
void try_training(Trainer& trainer, const Options& options, const std::string& name,
                  const RunObserver& observer) {
  std::int64_t done = 0;
  for (std::int64_t epoch = 0; epoch < options.get<TrainingOptions>().epochs &&
                               done < options.get<ExecutionOptions>().max_steps;
       ++epoch) {
    const StepObserver observe = [&](std::int64_t steps, double loss) {
      observer(steps, options.get<ExecutionOptions>().max_steps,
               fmt::format("epoch {}/{} loss {:.3f}", epoch + 1,
                           options.get<TrainingOptions>().epochs, loss));
    };
    const EpochLog log = trainer.run_epoch(
        epoch, observe, options.get<ExecutionOptions>().max_steps - done, {}, stop_requested);
    done += log.steps;
    std::string terms;
    for (const auto& term : log.terms)
      terms += fmt::format("{} {:.4f}, ", term.name, log.mean(term.sum));
    say("{}: {} steps in {}: loss {:.4f}, {}{:.2f} samples/s, peak memory {:.0f} MiB\n", name,
        log.steps, format_duration(log.seconds), log.loss(), terms,
        static_cast<double>(log.steps * options.get<BatchOptions>().batch_size) / log.seconds,
        peak_memory_mib());
    if (stop_requested()) throw Interrupted("stopped by a signal");
  }
}

/// A training with its records, from its newest checkpoint, if there is one, to its end.
class RecordedTraining {
 public:
  RecordedTraining(Trainer& trainer, const Options& options, const RunIdentity& identity,
                   std::uint64_t seed, const Dataset& data, const torch::Tensor& labels,
                   const EvaluatedNetwork& network, const RunStore& store, Checkpoints& checkpoints,
                   const RunObserver& observer)
      : trainer_(trainer),
        options_(options),
        identity_(identity),
        seed_(seed),
        data_(data),
        labels_(labels),
        network_(network),
        store_(store),
        directory_(store.directory(identity)),
        checkpoints_(checkpoints),
        observer_(observer),
        poolings_(poolings_of(options)),
        pinned_(parse_epochs(options.get<ExecutionOptions>().pin_epochs)) {}

  /// Returns the finished record. Its wall_seconds count only earlier processes. Throws UserError
  /// if the training diverges, Interrupted after a signal.
  TrainingRecord run() {
    checkpoints_.resume(trainer_, record_);
    if (record_.commits.empty() || record_.commits.back() != kCommit)
      record_.commits.push_back(kCommit);
    if (record_.epochs_done == 0 && record_.log.steps == 0 && has_subset(options_))
      record_.epochs_done =
          branch_from_trunk(trainer_, options_, identity_, store_, checkpoints_.environment());
    start_ = Clock::now();
    before_ = record_.wall_seconds;
    try {
      train();
      if (has_subset(options_)) trainer_.method().gfb()->select(record_.chosen);
      checkpoints_.keep(trainer_, "last", options_.get<TrainingOptions>().epochs);
    } catch (const Diverged& e) {
      const std::string last = checkpoints_.newest();
      fail("{}; {}", e.what(),
           last.empty() ? "no earlier checkpoint was kept (--checkpoint-every)"
                        : "the last good checkpoint is " + last);
    }
    record_.wall_seconds = before_;
    return record_;
  }

 private:
  void train() {
    try {
      while (record_.epochs_done < options_.get<TrainingOptions>().epochs) {
        train_epoch();
        finish_epoch();
        if (record_.epochs_done < options_.get<TrainingOptions>().epochs &&
            (checkpoints_.due() || checkpoints_.due_after(record_.epochs_done)))
          write_checkpoint();
      }
    } catch (const Interrupted&) {
      // Thrown between steps or during an evaluation, which does not change the training's state.
      write_checkpoint();
      throw Interrupted(
          fmt::format("stopped by a signal after epoch {}, step {} of the next: a checkpoint is "
                      "kept; run the same command again to resume",
                      record_.epochs_done, record_.log.steps));
    }
  }

  void train_epoch() {
    const std::int64_t epoch = record_.epochs_done;
    const std::int64_t steps = trainer_.steps_per_epoch();
    const std::int64_t total = options_.get<TrainingOptions>().epochs * steps;
    if (has_subset(options_) && epoch == options_.get<SubsetOptions>().subset_epoch &&
        record_.log.steps == 0)
      choose();
    const StepObserver observe = [&](std::int64_t done, double loss) {
      observer_(done, total,
                fmt::format("epoch {}/{} loss {:.3f}", epoch + 1,
                            options_.get<TrainingOptions>().epochs, loss));
    };
    while (record_.log.steps < steps) {
      record_.log = trainer_.run_epoch(epoch, observe, steps, record_.log,
                                       [&] { return stop_requested() || checkpoints_.due(); });
      if (stop_requested()) throw Interrupted("");
      if (checkpoints_.due() && record_.log.steps < steps) write_checkpoint();
    }
  }

  /// Chooses the subset of projections and records it.
  void choose() {
    const torch::Tensor variance = projection_variance(
        network_, options_.get<SubsetOptions>().subset_images == "test" ? data_.test : data_.train);
    record_.chosen = choose_projections(variance, options_, seed_);
    write_selection(directory_ / "selection.json", variance, record_.chosen);
    if (options_.get<SubsetOptions>().subset_scope == "train_and_test")
      trainer_.select_projections(record_.chosen);
  }

  /// Evaluates and records the epoch whose steps are complete.
  void finish_epoch() {
    const EpochLog& log = record_.log;
    const bool evaluates = log.epoch % options_.get<EvaluationOptions>().eval_every == 0 ||
                           log.epoch == options_.get<TrainingOptions>().epochs;
    // A run that switches has scores only after the switch: earlier ones belong to the trunk.
    const bool counts = evaluates && (!has_subset(options_) ||
                                      log.epoch > options_.get<SubsetOptions>().subset_epoch);
    if (counts) {
      const bool selects =
          has_subset(options_) && options_.get<SubsetOptions>().subset_scope == "test_only";
      const SelectionFor selection(trainer_.method(), selects ? &record_.chosen : nullptr);
      const Evaluation& scores = record_.history[log.epoch] = evaluate(network_, data_, labels_);
      if (const double rank1 = scores.at(method_of(options_).judged_by).rank1;
          rank1 > record_.best_rank1) {
        record_.best_rank1 = rank1;
        // Saved with the selection of projections that the evaluation used.
        checkpoints_.keep(trainer_, "best_rank1", log.epoch);
      }
    }
    if (std::find(pinned_.begin(), pinned_.end(), log.epoch) != pinned_.end())
      checkpoints_.keep(trainer_, fmt::format("epoch-{}", log.epoch), log.epoch);
    if (record_.epochs_csv.empty()) record_.epochs_csv = epochs_header(log, poolings_);
    record_.epochs_csv += epochs_row(log, counts ? &record_.history.at(log.epoch) : nullptr,
                                     poolings_, options_.get<BatchOptions>().batch_size);
    write_atomic(directory_ / "epochs.csv", record_.epochs_csv);
    record_.train_seconds += log.seconds;
    record_.train_steps += log.steps;
    record_.last = std::exchange(record_.log, {});
    ++record_.epochs_done;
  }

  void write_checkpoint() {
    record_.wall_seconds = before_ + seconds_since(start_);
    checkpoints_.write(trainer_, record_);
  }

  Trainer& trainer_;
  const Options& options_;
  const RunIdentity& identity_;
  const std::uint64_t seed_;
  const Dataset& data_;
  const torch::Tensor& labels_;
  const EvaluatedNetwork& network_;
  const RunStore& store_;
  const std::filesystem::path directory_;
  Checkpoints& checkpoints_;
  const RunObserver& observer_;
  const std::vector<std::string> poolings_;
  const std::vector<std::int64_t> pinned_;
  TrainingRecord record_;
  Clock::time_point start_;
  double before_ = 0;  ///< wall time of earlier processes, up to the checkpoint
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
  const torch::Device device = resolve_device(options.get<ExecutionOptions>().device);
  configure_libtorch(options, threads);
  const auto make_trainer = [&] {
    return Trainer(make_method(options, seed, data.train.class_count), options, data.train, seed,
                   device, threads);
  };
  if (options.get<ExecutionOptions>().max_steps > 0) {
    if (!method_of(options).trains()) return;
    Trainer trainer = make_trainer();
    try_training(trainer, options, identity.directory, observer);
    return;
  }
  const auto start = Clock::now();
  const auto directory = store.directory(identity);
  const FileLock lock = store.lock(identity);  // if two programs want the run, only one trains it
  if (store.find(identity)) return;
  // While the lock is held, no other process writes here.
  for (const auto& folder : {directory, directory / "checkpoints"})
    remove_stale_temporaries(folder, Temporaries::kAll);
  store.begin(identity, options);

  RunResult result;
  result.provenance = describe_provenance(options, device, threads);
  result.evaluation_hash = sha256_hex(protocol_text(options));
  nlohmann::json provenance = result.provenance;
  provenance["preset"] = options.get<ProgramOptions>().preset;
  write_atomic(directory / "provenance.json", provenance.dump(1) + "\n");
  const torch::Tensor labels =
      torch::tensor(std::vector<std::int64_t>(data.test.labels.begin(), data.test.labels.end()),
                    torch::kLong)
          .to(device);
  result.provenance.inexact_init = starts_inexactly(options);
  Checkpoints checkpoints(directory, identity.hash,
                          describe_environment(options, result.provenance, device.is_cuda()),
                          options, result.provenance.inexact_init);

  TrainingRecord record;
  if (!method_of(options).has_network) {
    record.history[0]["none"] =
        leave_one_out_retrieval(raw_pixel_features(data.test, options, device, threads), labels);
  } else if (!method_of(options).trains()) {
    Encoder encoder = make_encoder(options, seed);
    encoder->to(device);
    record.history[0] =
        evaluate({encoder, nullptr, nullptr, options, device, threads}, data, labels);
  } else {
    Trainer trainer = make_trainer();
    const EvaluatedNetwork network{
        trainer.method().encoder(), trainer.method().gfb(), nullptr, options, device, threads};
    record = RecordedTraining(trainer, options, identity, seed, data, labels, network, store,
                              checkpoints, observer)
                 .run();
    if (method_of(options).kind == MethodKind::kSupervised)
      write_backbone(directory / "backbone.safetensors", trainer.method().encoder(), identity.hash,
                     record.inexact_resume || result.provenance.inexact_init);
  }
  result.measurements = select_measurements(record.history, method_of(options).judged_by);
  const auto losses = loss_measurements(record.last);
  result.measurements.insert(result.measurements.end(), losses.begin(), losses.end());
  result.wall_seconds = seconds_since(start) + record.wall_seconds;
  result.samples_per_second =
      record.train_seconds > 0
          ? static_cast<double>(record.train_steps * options.get<BatchOptions>().batch_size) /
                record.train_seconds
          : 0;
  result.peak_memory_mib = peak_memory_mib();
  result.provenance.resumed = record.resumed;
  result.provenance.inexact_resume = record.inexact_resume;
  if (!record.commits.empty()) result.provenance.commit = join(record.commits, " then ");
  store.finish(identity, result);
  Checkpoints::clear(directory);
}

}  // namespace lcr
