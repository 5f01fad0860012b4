#include "lcr/experiment/experiment.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/memory.h"
#include "lcr/base/signals.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"
#include "lcr/data/datasets.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/run.h"
#include "lcr/experiment/worker_pool.h"
#include "lcr/method/method.h"
#include "lcr/model/precision.h"
#include "lcr/record/command_line.h"
#include "lcr/record/results_csv.h"
#include "lcr/record/run_store.h"

namespace lcr {
namespace {

/// One run of the grid.
struct Cell {
  const ExperimentRow* row;
  Options options;
  std::uint64_t seed;
  RunIdentity identity;
  std::string varied;  ///< "method=lcr"
};

/// All rows and seeds, resolved and checked: before any data is read, fetched or decoded.
std::vector<Cell> resolve_grid(const Experiment& experiment, const CommandLine& command, const torch::Device& device) {
  std::vector<Cell> grid;
  for (const auto& row : experiment.rows) {
    Options options = command.options;
    std::vector<std::string> varied;
    for (const auto& [name, value] : row.settings) {
      if (command.given.contains(name)) fail("command line: --{} is what the rows of this experiment vary; it cannot be set", name);
      set_option(options, name, value, "row " + row.name);
      varied.push_back(name + "=" + value);
    }
    resolve_variant(options);
    options.precision = resolve_precision(options.precision, device);
    check_consistency(options);
    auto seeds = parse_seeds(options.seeds);
    if (options.method == "raw_pixels") seeds = {0};  // nothing random about it
    for (const auto seed : seeds) grid.push_back({&row, options, seed, {}, join(varied, ";")});
  }
  return grid;
}

/// Checks the runs against the data and identifies them.
void identify_grid(std::vector<Cell>& grid, const Dataset& data) {
  if (data.test.count() < 2) fail("the test set has {} images; retrieval needs at least 2: raise limit-test", data.test.count());
  const std::string test_fingerprint = fingerprint(data.test), train_fingerprint = fingerprint(data.train);
  std::map<std::string, std::string> init_sha256 = {{"", ""}};
  for (auto& cell : grid) {
    const Options& options = cell.options;
    if (trains(options) && data.train.count() < options.batch_size)
      fail("the training set has {} images, fewer than one batch of batch-size = {}", data.train.count(), options.batch_size);
    const std::string init = uses_network(options) ? options.init : "";
    if (!init_sha256.contains(init)) init_sha256[init] = sha256_file(init);
    cell.identity = identify_run(options, {cell.seed, data_fingerprint(options, train_fingerprint, test_fingerprint), init_sha256[init]});
  }
}

/// Reads the initial weights once before anything is trained, and says what they fill.
void check_initial_weights(const std::vector<Cell>& grid) {
  for (const auto& cell : grid) {
    if (!uses_network(cell.options) || cell.options.init.empty()) continue;
    Options options = cell.options;
    options.init.clear();
    Encoder encoder = make_encoder(options, cell.seed);
    const LoadReport report = load_initial_weights(encoder, cell.options);
    const auto list = [](std::vector<std::string> names) {
      std::erase_if(names, [](const std::string& name) { return name.ends_with("num_batches_tracked"); });  // counters: files of other origin lack them
      const std::size_t count = names.size();
      if (count > 3) names.resize(3);
      return count == 0 ? std::string("none") : fmt::format("{} ({}{})", count, join(names, ", "), count > 3 ? ", ..." : "");
    };
    fmt::print(stderr, "{}: {} tensors loaded into the backbone; missing: {}; unexpected: {}\n", cell.options.init, report.loaded, list(report.missing), list(report.unexpected));
    return;
  }
}

void print_dry_run(const std::vector<Cell>& grid, const RunStore& store, const Dataset& data, const torch::Device& device) {
  fmt::print("{} runs on {} ({}); {}: {} training, {} test images\n\n", grid.size(), device.str(), device_name(device), data.title, data.train.count(), data.test.count());
  // Time a step takes, from the finished runs of the same method and backbone in this grid.
  std::map<std::string, double> seconds_per_step;
  const auto kind = [](const Options& o) { return o.method + "/" + o.arch + "/" + std::to_string(o.image_size); };
  for (const auto& cell : grid)
    if (const auto result = store.find(cell.identity)) seconds_per_step[kind(cell.options)] = result->wall_seconds / static_cast<double>(std::max<std::int64_t>(1, count_steps(cell.options, data)));
  double estimate = 0;
  bool known = true;
  for (const auto& cell : grid) {
    const bool done = store.find(cell.identity).has_value();
    fmt::print("{:<8} {:<20} seed {:<3} {}\n", done ? "done" : "absent", cell.row->name, cell.seed, cell.identity.directory);
    if (done || !trains(cell.options)) continue;
    const auto found = seconds_per_step.find(kind(cell.options));
    known = known && found != seconds_per_step.end();
    if (known) estimate += found->second * static_cast<double>(count_steps(cell.options, data));
  }
  fmt::print("\nTime to train what is absent, one run at a time: {}\n",
             known ? "about " + format_duration(estimate) : "not known, no finished run of the same kind is in the store");
  for (const auto& cell : grid) {
    if (&cell != grid.data() && (&cell - 1)->row == cell.row) continue;
    fmt::print("\n[{}]\n", cell.row->name);
    for (const auto& spec : option_table())
      if (spec.part == OptionPart::kRun && spec.active(cell.options)) fmt::print("{} = {}\n", spec.name, get_option(cell.options, spec));
  }
}

std::vector<ResultRow> make_rows(const Experiment& experiment, const std::vector<Cell>& grid, const RunStore& store) {
  std::vector<ResultRow> rows;
  for (const auto& cell : grid) {
    const auto result = store.find(cell.identity);
    check_internal(result.has_value(), "a run of the grid has no result");
    const Provenance& p = result->provenance;
    for (const auto& m : result->measurements)
      rows.push_back({std::to_string(kResultsSchema), experiment.id, cell.row->name, cell.options.dataset, cell.options.method, cell.varied, std::to_string(cell.seed), m.selection, m.pooling,
                      m.metric, format_number(m.value), std::to_string(m.epoch), cell.identity.hash, cell.identity.config_hash, result->evaluation_hash,
                      fmt::format("{:.2f}", result->wall_seconds), fmt::format("{:.2f}", result->samples_per_second), fmt::format("{:.0f}", result->peak_memory_mib), p.commit, p.device,
                      p.precision, p.libtorch});
  }
  return rows;
}

void print_summary(const Experiment& experiment, const std::vector<Cell>& grid, const RunStore& store, const Dataset& data) {
  fmt::print("\n{}\nData: {}{}\n", experiment.title, data.title, data.name == experiment.paper_dataset ? "" : " (standing in for " + experiment.paper_dataset + ")");
  fmt::print("{} training images, {} test images; retrieval after the last epoch, each method with its own pooling, mean +- sd\n\n", data.train.count(), data.test.count());
  fmt::print("{:<20} {:>2}  {:>14} {:>14} {:>14}  {:<9} {:>9}\n", "", "n", "rank-1 %", "rank-5 %", "mAP %", "pooling", "samples/s");
  for (const auto& row : experiment.rows) {
    std::map<std::string, std::vector<double>> values;
    std::vector<double> speeds;
    std::string pooling;
    for (const auto& cell : grid) {
      if (cell.row != &row) continue;
      pooling = own_pooling(cell.options.method);
      const auto result = store.find(cell.identity);
      for (const auto& m : result->measurements)
        if (m.selection == "last" && m.pooling == pooling) values[m.metric].push_back(m.value);
      if (result->samples_per_second > 0) speeds.push_back(result->samples_per_second);
    }
    const auto cell_text = [&](const char* metric) {
      const auto& v = values[metric];
      return v.size() > 1 ? fmt::format("{:.2f} +- {:.2f}", mean(v), standard_deviation(v)) : fmt::format("{:.2f}", mean(v));
    };
    fmt::print("{:<20} {:>2}  {:>14} {:>14} {:>14}  {:<9} {:>9}\n", row.name, values["rank1"].size(), cell_text("rank1"), cell_text("rank5"), cell_text("mean_average_precision"), pooling,
               speeds.empty() ? "-" : fmt::format("{:.1f}", mean(speeds)));
  }
}

int run(int argc, char** argv, const Experiment& experiment) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const CommandLine command = parse_command_line(arguments, experiment.id, suite_home());
  const Options& options = command.options;
  if (options.help) {
    fmt::print("{}", help_text(experiment.program, experiment.title));
    return kDone;
  }
  const torch::Device device = resolve_device(options.device);
  const int threads = resolve_threads(options);
  const bool worker = !options.worker_run.empty();
  if (!worker && !options.dry_run) {
    require_writable_directory(options.results);
    require_writable_directory(options.runs);
  }
  watch_signals();
  keep_freed_memory();
  std::vector<Cell> grid = resolve_grid(experiment, command, device);
  const Dataset data = load_dataset(options, threads);
  identify_grid(grid, data);
  const RunStore store(options.runs);
  if (!worker) check_initial_weights(grid);

  if (options.dry_run) {
    print_dry_run(grid, store, data, device);
    return kDone;
  }
  if (worker) {
    for (const auto& cell : grid)
      if (cell.identity.directory == options.worker_run) {
        execute_run(cell.options, cell.identity, cell.seed, data, store, threads, report_progress);
        return kDone;
      }
    fail("--worker-run {}: no run of this grid", options.worker_run);
  }

  std::vector<WorkerTask> tasks;
  std::set<std::string> planned;
  const int share = std::max(1, threads / static_cast<int>(options.jobs));
  for (const auto& cell : grid) {
    if (options.max_steps == 0 && store.find(cell.identity)) {
      for (const auto epoch : parse_epochs(options.pin_epochs))
        if (trains(cell.options) && !std::filesystem::exists(store.directory(cell.identity) / "checkpoints" / fmt::format("epoch-{}.safetensors", epoch)))
          fmt::print(stderr, "warning: {} is finished and keeps no checkpoint of epoch {}; remove its directory to train it again\n", cell.identity.directory, epoch);
      continue;
    }
    if (options.max_steps > 0 && !trains(cell.options)) continue;
    if (!planned.insert(cell.identity.directory).second) continue;
    WorkerTask task{fmt::format("{} s{}", cell.row->name, cell.seed), {}, std::max<std::int64_t>(1, count_steps(cell.options, data)) * (trains(cell.options) ? options.batch_size : 1)};
    // The worker parses the same command line, with its share of the threads.
    task.arguments = {"--threads", std::to_string(share), "--worker-run", cell.identity.directory};
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i] == "--threads")
        ++i;  // and its value
      else if (!arguments[i].starts_with("--threads="))
        task.arguments.push_back(arguments[i]);
    }
    tasks.push_back(std::move(task));
  }
  if (options.max_steps > 0)
    fmt::print(stderr, "{}: {} runs, at most {} steps each\n", experiment.id, tasks.size(), options.max_steps);
  else
    fmt::print(stderr, "{}: {} of {} runs are in the store, {} to do\n", experiment.id, grid.size() - tasks.size(), grid.size(), tasks.size());
  for (const auto& cell : grid)
    if (trains(cell.options) && cell.options.queue_size > data.train.count()) {
      fmt::print(stderr, "warning: queue-size = {} is larger than the training set of {} images: it holds {:.1f} epochs of keys, the sample's own older ones among the negatives\n",
                 cell.options.queue_size, data.train.count(), static_cast<double>(cell.options.queue_size) / static_cast<double>(data.train.count()));
      break;
    }
  if (const int code = run_workers(tasks, static_cast<int>(options.jobs), experiment.id, "samples"); code != kDone) return code;
  if (options.max_steps > 0) {
    fmt::print("Stopped after --max-steps {}: nothing is recorded.\n", options.max_steps);
    return kDone;
  }
  const auto csv = std::filesystem::path(options.results) / (experiment.id + ".csv");
  write_results(csv, make_rows(experiment, grid, store));
  print_summary(experiment, grid, store, data);
  fmt::print("\nresults: {}\n", csv.string());
  return kDone;
}

}  // namespace

int run_experiment(int argc, char** argv, const Experiment& experiment) {
  return run_main(experiment.program.c_str(), [&] { return run(argc, argv, experiment); });
}

}  // namespace lcr
