#include "lcr/experiment/recorded_training.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/signals.h"
#include "lcr/data/batch_options.h"
#include "lcr/evaluate/projections.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/follow_training.h"
#include "lcr/experiment/identify_run.h"
#include "lcr/experiment/run_retrieval.h"
#include "lcr/experiment/version.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/train/training_options.h"
#include "lcr/weights/safetensors.h"

namespace lcr {
namespace {

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

/// What train_with_records() does, with what its parts share.
class RecordedTraining {
 public:
  RecordedTraining(Trainer& trainer, const Options& options, const RunIdentity& identity,
                   std::uint64_t seed, const Dataset& data, const EvaluatedNetwork& network,
                   const RunStore& store, Checkpoints& checkpoints, const RunObserver& observer)
      : trainer_(trainer),
        options_(options),
        identity_(identity),
        seed_(seed),
        data_(data),
        network_(network),
        store_(store),
        directory_(store.directory(identity)),
        checkpoints_(checkpoints),
        observer_(observer),
        poolings_(recorded_poolings(options)),
        pinned_(parse_epochs(options.get<ExecutionOptions>().pin_epochs)) {}

  TrainingRecord run() {
    checkpoints_.resume(trainer_, record_);
    if (record_.commits.empty() || record_.commits.back() != kCommit)
      record_.commits.push_back(kCommit);
    if (record_.epochs_done == 0 && record_.log.steps == 0 && has_subset(options_))
      record_.epochs_done =
          branch_from_trunk(trainer_, options_, identity_, store_, checkpoints_.environment());
    trainer_.synchronise(record_.epochs_done, record_.log.steps);
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
    if (switches_projections(options_, record_.epochs_done))
      trainer_.select_projections(record_.chosen);
  }

  /// Evaluates and records the epoch whose steps are complete.
  void finish_epoch() {
    const EpochLog& log = record_.log;
    const bool counts = evaluates_after(options_, log.epoch);
    if (counts) {
      const bool selects =
          has_subset(options_) && options_.get<SubsetOptions>().subset_scope == "test_only";
      const SelectionFor selection(trainer_.method(), selects ? &record_.chosen : nullptr);
      const NetworkOfRankZero shared(network_);
      const Evaluation& scores = record_.history[log.epoch] = evaluate_retrieval(network_, data_);
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
    record_.wall_seconds = before_ + std::chrono::duration<double>(Clock::now() - start_).count();
    checkpoints_.write(trainer_, record_);
  }

  Trainer& trainer_;
  const Options& options_;
  const RunIdentity& identity_;
  const std::uint64_t seed_;
  const Dataset& data_;
  const EvaluatedNetwork& network_;
  const RunStore& store_;
  const std::filesystem::path directory_;
  Checkpoints& checkpoints_;
  const RunObserver& observer_;
  const std::vector<std::string> poolings_;
  const std::vector<std::int64_t> pinned_;
  TrainingRecord record_;
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_;
  double before_ = 0;  ///< wall time of earlier processes, up to the checkpoint
};

}  // namespace

TrainingRecord train_with_records(Trainer& trainer, const Options& options,
                                  const RunIdentity& identity, std::uint64_t seed,
                                  const Dataset& data, const EvaluatedNetwork& network,
                                  const RunStore& store, Checkpoints& checkpoints,
                                  const RunObserver& observer) {
  return RecordedTraining(trainer, options, identity, seed, data, network, store, checkpoints,
                          observer)
      .run();
}

}  // namespace lcr
