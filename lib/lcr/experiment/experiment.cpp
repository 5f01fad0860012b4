#include "lcr/experiment/experiment.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/core.h>

#include "lcr/base/csv.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/memory.h"
#include "lcr/base/signals.h"
#include "lcr/base/statistics.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/text.h"
#include "lcr/config/command_line.h"
#include "lcr/data/dataset_options.h"
#include "lcr/data/datasets.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/experiment/checkpoints.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/dry_run.h"
#include "lcr/experiment/evaluate_run.h"
#include "lcr/experiment/grid.h"
#include "lcr/experiment/identify_run.h"
#include "lcr/experiment/numeric_libraries.h"
#include "lcr/experiment/out_of_memory.h"
#include "lcr/experiment/run.h"
#include "lcr/experiment/training_record.h"
#include "lcr/experiment/worker_pool.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/kernels/kernels.h"
#include "lcr/model/model_options.h"
#include "lcr/record/results_csv.h"
#include "lcr/train/training_options.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

std::vector<Experiment>& registry() {
  static std::vector<Experiment> experiments;
  return experiments;
}

/// Reads each file of initial weights once, before anything is trained, and reports which tensors
/// were loaded.
void check_initial_weights(const std::vector<Cell>& cells) {
  std::set<std::string> seen;
  for (const auto& cell : cells) {
    if (!method_of(cell.options).has_network || cell.options.get<InitOptions>().init.empty() ||
        cell.options.get<InitOptions>().pretrain != "none")
      continue;
    if (!seen.insert(cell.options.get<InitOptions>().init + "\n" +
                     cell.options.get<ArchOptions>().arch + "\n" +
                     cell.options.get<InitOptions>().init_prefix +
                     (cell.options.get<InitOptions>().init_partial ? "\npartial" : ""))
             .second)
      continue;
    Options options = cell.options;
    options.get<InitOptions>().init.clear();
    Encoder encoder = make_encoder(options, cell.seed);
    LoadReport report = load_initial_weights(encoder, cell.options);
    const auto classifier = std::erase_if(
        report.unexpected, [](const std::string& name) { return name.starts_with("fc."); });
    const std::string prefix = report.prefix.empty() ? "" : " under '" + report.prefix + "'";
    const std::string outside =
        report.outside > 0 ? fmt::format("; {} elsewhere in the file", report.outside) : "";
    say("{}: {} tensors{} loaded into the backbone; missing: {}; unexpected: {}{}\n",
        cell.options.get<InitOptions>().init, report.loaded, prefix,
        list_names(without_counters(report.missing), 3),
        list_names(without_counters(report.unexpected), 3), outside);
    if (classifier > 0)
      say("{}: its fc layer is skipped, because a backbone ends before it\n",
          cell.options.get<InitOptions>().init);
  }
}

/// Makes the result rows of one cell, whose columns are largely the same.
struct RowMaker {
  const Experiment& experiment;
  const Cell& cell;
  const RunResult& result;

  ResultRow operator()(const std::string& detail, const std::string& selection,
                       const std::string& pooling, const std::string& metric, double value,
                       std::int64_t epoch, const std::string& evaluation) const {
    const Provenance& p = result.provenance;
    std::vector<std::string> options;
    for (const auto& text : {cell.varied, detail})
      if (!text.empty()) options.push_back(text);
    return {std::to_string(kResultsSchema),
            experiment.id,
            cell.row.name,
            cell.options.get<DatasetOptions>().dataset,
            cell.options.get<MethodOptions>().method,
            join(options, ";"),
            std::to_string(cell.seed),
            selection,
            pooling,
            metric,
            format_number(value),
            std::to_string(epoch),
            cell.identity.hash,
            cell.identity.config_hash,
            evaluation,
            fmt::format("{:.2f}", result.wall_seconds),
            fmt::format("{:.2f}", result.samples_per_second),
            fmt::format("{:.0f}", result.peak_memory_mib),
            p.commit,
            p.device,
            p.precision,
            p.libtorch,
            initial_weights(),
            p.inexact_resume || p.inexact_init ? "inexact" : "",
            method_of(cell.options).judged_by};
  }

  /// "random", "none" (no network), "stand-in <run>", or the name and digest of the file, marked
  /// "partial" if it need not hold the whole backbone.
  std::string initial_weights() const {
    const std::string& init = cell.identity.inputs.init;
    if (init.empty()) return method_of(cell.options).has_network ? "random" : "none";
    if (init.starts_with("run ")) return "stand-in " + init.substr(4, 12);
    return fs::path(cell.options.get<InitOptions>().init).filename().string() + " " +
           init.substr(0, 12) + (cell.options.get<InitOptions>().init_partial ? " partial" : "");
  }
};

/// Adds the losses and the scores by the method's own pooling of every epoch, from the run's
/// epochs.csv.
void add_curve(std::vector<ResultRow>& rows, const RowMaker& make, const fs::path& run) {
  const Options& options = make.cell.options;
  const std::string pooling = method_of(options).judged_by;
  struct Curve {
    std::string column, pooling, metric;
  };
  std::vector<Curve> curves;
  for (const auto& m : make.result.measurements)
    if (m.selection == "last" && is_loss(m.metric))
      curves.push_back({term_column(curves.size(), m.metric), "none", m.metric});
  for (const char* metric : {"rank1", "rank5", "mean_average_precision"})
    curves.push_back({fmt::format("{}_{}", metric, pooling), pooling, metric});
  for (const auto& [column, own_pooling, metric] : curves)
    for (const auto& line : read_csv<2>(run / "epochs.csv", {"epoch", column.c_str()})) {
      if (line[1].empty()) continue;  // not evaluated
      const auto value = parse_number(line[1]);
      const auto epoch = parse_integer(line[0]);
      if (!value || !epoch)
        fail("{}: damaged; remove the run's directory to train it again",
             (run / "epochs.csv").string());
      // Before the switch it is its trunk's curve, which a branched run does not have.
      if (has_subset(options) && *epoch <= options.get<SubsetOptions>().subset_epoch) continue;
      rows.push_back(
          make("", "each_epoch", own_pooling, metric, *value, *epoch, make.result.evaluation_hash));
    }
}

/// The evaluation's settings that make other numbers than the run's own, as in the column
/// `options`.
std::vector<std::string> settings_of(const Options& evaluation, const Options& run) {
  std::vector<std::string> settings;
  if (evaluation.get<ProtocolOptions>().bn_statistics != "as_trained")
    settings.push_back("bn-statistics=" + evaluation.get<ProtocolOptions>().bn_statistics);
  if (evaluation.get<EvaluationOptions>().eval_mask_norm != run.get<EvaluationOptions>().eval_mask_norm)
    settings.push_back("eval-mask-norm=" + evaluation.get<EvaluationOptions>().eval_mask_norm);
  return settings;
}

std::vector<ResultRow> make_rows(const Experiment& experiment, const std::vector<Cell>& cells,
                                 const RunStore& store) {
  std::vector<ResultRow> rows;
  for (const auto& cell : cells) {
    if (cell.experiment != &experiment || (!cell.selected && !is_done(cell, store))) continue;
    const auto result = store.find(cell.identity);
    check_internal(result.has_value(), "a run of the grid has no result");
    const RowMaker make{experiment, cell, *result};
    std::set<std::string> recorded;
    for (const auto& m : result->measurements)
      if (m.selection == "last") recorded.insert(m.pooling + "/" + m.metric);
    for (const auto& m : result->measurements)
      rows.push_back(
          make("", m.selection, m.pooling, m.metric, m.value, m.epoch, result->evaluation_hash));
    const fs::path run = store.directory(cell.identity);
    if (method_of(cell.options).trains()) add_curve(rows, make, run);
    for (const auto& evaluation : cell.evaluations) {
      const auto record = find_evaluation(run, cell.identity, evaluation);
      check_internal(record.has_value(), "a run of the grid lacks an evaluation");
      const std::int64_t epoch =
          method_of(cell.options).trains() ? cell.options.get<TrainingOptions>().epochs : 0;
      for (const auto& entry : record->entries) {
        auto detail = settings_of(evaluation, cell.options);
        if (!entry.detail.empty()) detail.push_back(entry.detail);
        // The run already recorded what this evaluation measured again: same weights and protocol.
        if (detail.empty() && recorded.contains(entry.pooling + "/" + entry.metric)) continue;
        rows.push_back(make(join(detail, ";"), "last", entry.pooling, entry.metric, entry.value,
                            epoch, record->hash));
      }
    }
  }
  return rows;
}

ConfigTexts config_texts(const Experiment& experiment, const std::vector<Cell>& cells) {
  ConfigTexts texts;
  for (const auto& cell : cells)
    if (cell.experiment == &experiment)
      texts[cell.identity.config_hash] =
          canonical_text(cell.options, cell.identity.inputs, /*with_seed=*/false);
  return texts;
}

/// Copies the panel of heat maps (Figure B1), which is stored next to its evaluation, from the
/// first run that has one, as the experiment's figure.
void copy_panel(const Experiment& experiment, const std::vector<Cell>& cells, const RunStore& store,
                const fs::path& results) {
  for (const auto& cell : cells) {
    if (cell.experiment != &experiment) continue;
    for (const auto& evaluation : cell.evaluations) {
      const fs::path panel = projection_panel_file(store.directory(cell.identity), evaluation);
      if (!fs::exists(panel)) continue;
      require_writable_directory(results / "figures");
      const auto bytes = read_file(panel, 256 << 20);
      write_atomic(results / "figures" / (experiment.id + ".png"),
                   std::string(bytes.begin(), bytes.end()));
      return;
    }
  }
}

void print_summary(const Experiment& experiment, const std::vector<Cell>& cells,
                   const RunStore& store) {
  fmt::print("\n{}\n", experiment.title);
  const auto is_paper = [&](const Cell& cell) {
    return std::find(experiment.paper_datasets.begin(), experiment.paper_datasets.end(),
                     cell.facts->name) != experiment.paper_datasets.end();
  };
  std::set<const DataFacts*> listed;
  for (const auto& cell : cells)
    if (cell.experiment == &experiment && listed.insert(cell.facts).second)
      fmt::print(
          "Data: {}{}: {} training images, {} test images\n", cell.facts->title,
          is_paper(cell) ? "" : " (standing in for " + experiment.paper_datasets.front() + ")",
          cell.facts->training_images, cell.facts->test_images);
  fmt::print("Retrieval after the last epoch, each method with its own pooling, mean +- sd\n\n");
  fmt::print("{:<32} {:>2}  {:>14} {:>14} {:>14}  {:<9} {:>9}\n", "", "n", "rank-1 %", "rank-5 %",
             "mAP %", "pooling", "samples/s");
  std::set<std::string> printed;
  for (const auto& first : cells) {
    // One line per row and data set.
    const std::string title =
        first.row.name +
        (listed.size() > 1 ? ", " + first.options.get<DatasetOptions>().dataset : "");
    if (first.experiment != &experiment || !printed.insert(title).second) continue;
    std::map<std::string, std::vector<double>> values;
    std::vector<double> speeds;
    const std::string pooling = method_of(first.options).judged_by;
    for (const auto& cell : cells) {
      if (cell.experiment != &experiment || cell.row.name != first.row.name ||
          cell.options.get<DatasetOptions>().dataset != first.options.get<DatasetOptions>().dataset)
        continue;
      const auto result = store.find(cell.identity);
      if (!result) continue;  // --rows did not select it
      for (const auto& m : result->measurements)
        if (m.selection == "last" && m.pooling == pooling) values[m.metric].push_back(m.value);
      if (result->samples_per_second > 0) speeds.push_back(result->samples_per_second);
    }
    const auto cell_text = [&](const char* metric) {
      const auto& v = values[metric];
      if (v.empty()) return std::string("not run");
      return v.size() > 1 ? fmt::format("{:.2f} +- {:.2f}", mean(v), standard_deviation(v))
                          : fmt::format("{:.2f}", mean(v));
    };
    fmt::print("{:<32} {:>2}  {:>14} {:>14} {:>14}  {:<9} {:>9}\n", title, values["rank1"].size(),
               cell_text("rank1"), cell_text("rank5"), cell_text("mean_average_precision"), pooling,
               speeds.empty() ? "-" : fmt::format("{:.1f}", mean(speeds)));
  }
}

/// Removes the files that killed processes left behind in a finished run: checkpoints for resuming,
/// half-written evaluations.
void clear_leftovers(const fs::path& run) {
  Checkpoints::clear(run);
  remove_stale_temporaries(run / "evaluations");
}

/// Executes the run for which this process was started, and its missing evaluations.
void work(Grid& grid, int threads) {
  const std::string& wanted = grid.control().get<WorkerOptions>().worker_run;
  bool found = false;
  // Each evaluation counts as one step of progress, because a finished one is kept.
  std::int64_t evaluations = 0;
  std::int64_t evaluated = 0;
  for (const auto& cell : grid.cells())
    if (cell.identity.directory == wanted)
      evaluations += static_cast<std::int64_t>(cell.evaluations.size());
  for (const auto& cell : grid.cells()) {
    if (cell.identity.directory != wanted) continue;
    const std::int64_t steps = count_steps(cell.options, cell.facts->training_images);
    const RunObserver training = [&](std::int64_t done, std::int64_t total,
                                     const std::string& note) {
      report_progress(done, total + evaluations, note);
    };
    const RunObserver evaluating = [&](std::int64_t, std::int64_t, const std::string& note) {
      report_progress(steps + evaluated, steps + evaluations, note);
    };
    if (!found && !grid.store().find(cell.identity))
      explain_out_of_memory(cell.options, [&] {
        execute_run(cell.options, cell.identity, cell.seed, *cell.data, grid.store(), threads,
                    training);
      });
    found = true;
    if (cell.options.get<ExecutionOptions>().max_steps > 0) return;
    const fs::path run = grid.store().directory(cell.identity);
    clear_leftovers(run);
    for (const auto& evaluation : cell.evaluations) {
      explain_out_of_memory(evaluation, [&] {
        evaluate_run(run, cell.identity, evaluation, *cell.data, threads, evaluating);
      });
      ++evaluated;
    }
  }
  if (!found) fail("--worker-run {}: this grid has no such run", wanted);
}

/// The worker's command line: this program's, with the worker's share of the threads, its run, and
/// the stand-in's identity, which only the parent knows.
std::vector<std::string> worker_arguments(const std::vector<std::string>& arguments,
                                          const Cell& cell, int threads) {
  std::vector<std::string> out = {"--threads", std::to_string(threads), "--worker-run",
                                  cell.identity.directory};
  if (cell.identity.inputs.init.starts_with("run "))
    out.insert(out.end(), {"--worker-standin", cell.identity.inputs.init.substr(4)});
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--threads")
      ++i;  // skip its value too
    else if (!arguments[i].starts_with("--threads="))
      out.push_back(arguments[i]);
  }
  return out;
}

/// The tasks for all selected runs that are not done, by stage. Says how many there are.
std::vector<WorkerTask> plan(Grid& grid, const std::vector<std::string>& arguments, int threads) {
  const Options& control = grid.control();
  std::vector<WorkerTask> tasks;
  std::set<std::string> planned, wanted, met;
  for (const auto& cell : grid.cells())
    if (cell.selected) wanted.insert(cell.identity.directory);
  for (const int stage : {0, 1, 2})
    for (const auto& cell : grid.cells()) {
      if (cell.stage != stage || !cell.selected) continue;
      if (control.get<ExecutionOptions>().max_steps == 0 && is_done(cell, grid.store())) {
        if (!met.insert(cell.identity.directory).second) continue;
        clear_leftovers(grid.store().directory(cell.identity));
        for (const auto epoch : parse_epochs(cell.options.get<ExecutionOptions>().pin_epochs))
          if (method_of(cell.options).trains() &&
              !fs::exists(grid.store().directory(cell.identity) / "checkpoints" /
                          fmt::format("epoch-{}.safetensors", epoch)))
            say("warning: {} is finished and keeps no checkpoint of epoch {}; remove its directory "
                "to train it again\n",
                cell.identity.directory, epoch);
        continue;
      }
      if (control.get<ExecutionOptions>().max_steps > 0 && !method_of(cell.options).trains())
        continue;
      if (!planned.insert(cell.identity.directory).second) continue;
      const std::int64_t steps =
          grid.store().find(cell.identity)
              ? 1
              : std::max<std::int64_t>(1, count_steps(cell.options, cell.facts->training_images));
      // A run for which others wait gets all threads.
      const int share =
          stage == 0
              ? threads
              : std::max(1, threads / static_cast<int>(control.get<ExecutionOptions>().jobs));
      const std::string id = cell.experiment ? cell.experiment->id + " " : "";
      tasks.push_back({.label = fmt::format("{}{} s{}", id, cell.row.name, cell.seed),
                       .arguments = worker_arguments(arguments, cell, share),
                       .units = steps * (method_of(cell.options).trains()
                                             ? cell.options.get<BatchOptions>().batch_size
                                             : 1),
                       .stage = stage});
    }
  for (const auto& cell : grid.cells()) {
    const fs::path directory = grid.store().directory(cell.identity);
    const bool needed =
        std::any_of(grid.cells().begin(), grid.cells().end(), [&](const Cell& child) {
          return child.identity.inputs.init == "run " + cell.identity.hash && child.selected &&
                 !grid.store().find(child.identity);
        });
    if (cell.stage == 0 && needed && !planned.contains(cell.identity.directory) &&
        !fs::exists(directory / "backbone.safetensors"))
      fail(
          "{}: is finished, but the weights from which other runs start are missing (imported runs "
          "have records only): remove the directory to train it again",
          directory.string());
  }
  say("{} of {} runs are in the store, {} to do{}\n", wanted.size() - planned.size(), wanted.size(),
      planned.size(),
      control.get<ExecutionOptions>().max_steps > 0
          ? fmt::format(", at most {} steps each", control.get<ExecutionOptions>().max_steps)
          : "");
  return tasks;
}

void warn_about_queues(const std::vector<Cell>& cells) {
  std::set<std::pair<const DataFacts*, std::int64_t>> told;
  for (const auto& cell : cells)
    if (method_of(cell.options).uses<MomentumContrastOptions>() &&
        cell.options.get<MomentumContrastOptions>().queue_size > cell.facts->training_images &&
        told.insert({cell.facts, cell.options.get<MomentumContrastOptions>().queue_size}).second)
      say("warning: queue-size = {} is larger than the training set of {} images: the queue holds "
          "{:.1f} epochs of keys, so a sample's negatives include its own older keys\n",
          cell.options.get<MomentumContrastOptions>().queue_size, cell.facts->training_images,
          static_cast<double>(cell.options.get<MomentumContrastOptions>().queue_size) /
              static_cast<double>(cell.facts->training_images));
}

int run(const std::string& program, const std::vector<std::string>& arguments) {
  const auto& experiments = registered_experiments();
  check_internal(!experiments.empty(), "a program without experiments");
  const CommandLine first = parse_command_line(arguments, {experiments.front().id}, suite_home());
  const Options& options = first.options;
  if (options.get<ProgramOptions>().help) {
    std::vector<std::string> ids;
    for (const auto& experiment : experiments) ids.push_back(experiment.id);
    const std::string title = experiments.size() == 1
                                  ? experiments.front().title
                                  : "all experiments in one (" + join(ids, ", ") + ")";
    fmt::print("{}", help_text(program, title));
    return kDone;
  }
  const torch::Device device = resolve_device(options.get<ExecutionOptions>().device);
  const int threads = resolve_threads(options);
  const std::string loops = kernels::kernels().name;  // a bad LCR_KERNELS stops here
  const bool worker = !options.get<WorkerOptions>().worker_run.empty();
  if (!worker && !options.get<ExecutionOptions>().dry_run) {
    require_writable_directory(options.get<ProgramOptions>().results);
    require_writable_directory(options.get<StoreOptions>().runs);
    for (const auto& folder : {fs::path(options.get<ProgramOptions>().results),
                               fs::path(options.get<ProgramOptions>().results) / "figures"})
      remove_stale_temporaries(folder);
  }
  watch_signals();
  if (worker) watch_parent();
  keep_freed_memory();
  Grid grid(experiments, arguments, threads);
  if (worker) {
    work(grid, threads);
    return kDone;
  }
  if (options.get<StoreOptions>().records.empty())
    check_initial_weights(grid.cells());
  else
    for (auto& cell : grid.cells()) cell.selected = cell.selected && is_done(cell, grid.store());
  if (options.get<ExecutionOptions>().dry_run) {
    print_dry_run(grid.cells(), grid.store(), device);
    return kDone;
  }
  const auto tasks = plan(grid, arguments, threads);
  request_huge_pages();  // both for the workers
  request_blas_kernels();
  if (!tasks.empty() && device.is_cpu())
    say("CPU loops: {}; huge pages: {}\n", loops, huge_pages_state());
  warn_about_queues(grid.cells());
  if (const int code =
          run_workers(tasks, static_cast<int>(options.get<ExecutionOptions>().jobs), program,
                      "samples", fs::path(options.get<ProgramOptions>().results) / "log.txt");
      code != kDone)
    return code;
  if (options.get<ExecutionOptions>().max_steps > 0) {
    fmt::print("Stopped after --max-steps {}: nothing is recorded.\n",
               options.get<ExecutionOptions>().max_steps);
    return kDone;
  }
  add_facts(facts_file(options.get<ProgramOptions>().results), grid.inputs());
  for (const auto& experiment : experiments) {
    const auto rows = make_rows(experiment, grid.cells(), grid.store());
    if (rows.empty() && !options.get<StoreOptions>().records.empty())
      continue;  // the records are of other experiments
    const fs::path csv = fs::path(options.get<ProgramOptions>().results) / (experiment.id + ".csv");
    write_configs(configs_file(options.get<ProgramOptions>().results, experiment.id),
                  config_texts(experiment, grid.cells()));
    write_results(csv, rows);
    copy_panel(experiment, grid.cells(), grid.store(), options.get<ProgramOptions>().results);
    print_summary(experiment, grid.cells(), grid.store());
    fmt::print("\nresults: {}\n", csv.string());
  }
  return kDone;
}

}  // namespace

RegisteredExperiment::RegisteredExperiment(Experiment experiment) {
  // In the order of the ids, which does not depend on the linker.
  auto& all = registry();
  all.insert(std::upper_bound(all.begin(), all.end(), experiment,
                              [](const Experiment& a, const Experiment& b) { return a.id < b.id; }),
             std::move(experiment));
}

const std::vector<Experiment>& registered_experiments() { return registry(); }

int run_registered_experiments(int argc, char** argv) {
  const std::string program = fs::path(argv[0]).filename().string();
  return run_main(program.c_str(), [&] { return run(program, {argv + 1, argv + argc}); });
}

}  // namespace lcr
