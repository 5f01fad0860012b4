#include "lcr/experiment/experiment.h"

#include <filesystem>

#include <fmt/core.h>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/memory.h"
#include "lcr/base/signals.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/text.h"
#include "lcr/config/command_line.h"
#include "lcr/data/batch_options.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/dry_run.h"
#include "lcr/experiment/grid.h"
#include "lcr/experiment/grid_checks.h"
#include "lcr/experiment/numeric_libraries.h"
#include "lcr/experiment/result_rows.h"
#include "lcr/experiment/run_ranks.h"
#include "lcr/experiment/slurm_submission.h"
#include "lcr/experiment/summary.h"
#include "lcr/experiment/task_commands.h"
#include "lcr/experiment/worker.h"
#include "lcr/experiment/worker_devices.h"
#include "lcr/experiment/worker_pool.h"
#include "lcr/experiment/worker_tasks.h"
#include "lcr/model/kernels/kernels.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

void print_help(const std::string& program, const std::vector<Experiment>& experiments) {
  std::vector<std::string> ids;
  for (const auto& experiment : experiments) ids.push_back(experiment.id);
  const std::string title = experiments.size() == 1
                                ? experiments.front().title
                                : "all experiments in one (" + join(ids, ", ") + ")";
  fmt::print("{}", help_text(program, title));
}

void prepare_directories(const Options& options) {
  require_writable_directory(options.get<ProgramOptions>().results);
  require_writable_directory(options.get<StoreOptions>().runs);
  for (const auto& folder : {fs::path(options.get<ProgramOptions>().results),
                             fs::path(options.get<ProgramOptions>().results) / "figures"})
    remove_stale_temporaries(folder);
}

/// Trains and evaluates what the store lacks. Returns the exit code.
int run_here(std::vector<WorkerTask> tasks, Grid& grid, const std::string& program,
             const torch::Device& device, int devices, int jobs) {
  const Options& control = grid.control();
  if (devices > 0)  // the pool gives each worker its own
    for (auto& task : tasks) task.arguments = without_options(task.arguments, {"device"});
  request_huge_pages();  // both for the workers
  request_blas_kernels();
  if (!tasks.empty() && device.is_cpu())
    say("CPU loops: {}; huge pages: {}\n", kernels::kernels().name, huge_pages_state());
  warn_about_queues(grid.cells());
  return run_workers(tasks, jobs, devices, program, "samples",
                     fs::path(control.get<ProgramOptions>().results) / "log.txt");
}

/// Writes the experiment's results and prints their summary.
void write_results_of(const Experiment& experiment, Grid& grid) {
  const Options& control = grid.control();
  const auto rows = make_rows(experiment, grid.cells(), grid.store());
  if (rows.empty() && !control.get<StoreOptions>().records.empty())
    return;  // the records are of other experiments
  const fs::path csv = fs::path(control.get<ProgramOptions>().results) / (experiment.id + ".csv");
  write_configs(configs_file(control.get<ProgramOptions>().results, experiment.id),
                config_texts(experiment, grid.cells()));
  write_results(csv, rows);
  copy_panel(experiment, grid.cells(), grid.store(), control.get<ProgramOptions>().results);
  print_summary(experiment, grid.cells(), grid.store());
  fmt::print("\nresults: {}\n", csv.string());
}

/// Refuses options of which one would leave the other without effect, and a submission that cannot
/// work.
void check_schedule(const CommandLine& command) {
  const Options& options = command.options;
  const bool submits = options.get<ScheduleOptions>().submit == "slurm";
  std::vector<std::string> chosen;
  if (submits) chosen.emplace_back("--submit");
  if (options.get<ScheduleOptions>().list_tasks) chosen.emplace_back("--list-tasks");
  if (options.get<ExecutionOptions>().dry_run) chosen.emplace_back("--dry-run");
  if (!options.get<StoreOptions>().records.empty()) chosen.emplace_back("--records");
  if (submits && options.get<ExecutionOptions>().max_steps > 0) chosen.emplace_back("--max-steps");
  if (chosen.size() > 1 && (submits || options.get<ScheduleOptions>().list_tasks))
    fail("command line: {} and {} exclude each other", chosen[0], chosen[1]);
  if (command.given.contains("slurm-options") && !submits)
    fail("command line: --slurm-options has no effect without --submit slurm");
  if (submits) check_submission(command);
}

/// In a worker that a launcher started: starts this program again with the environment that
/// run_missing() gives its workers, which decides the last bits, unless it has it.
void take_workers_environment(char** argv) {
  const bool pages = request_huge_pages();
  const bool kernels = request_blas_kernels();
  if (pages || kernels) ::execv("/proc/self/exe", argv);
}

int run(const std::string& program, char** argv, const std::vector<std::string>& arguments) {
  const auto& experiments = registered_experiments();
  check_internal(!experiments.empty(), "a program without experiments");
  const CommandLine first = parse_command_line(arguments, {experiments.front().id}, suite_home());
  const Options& options = first.options;
  if (options.get<ProgramOptions>().help) {
    print_help(program, experiments);
    return kDone;
  }
  const torch::Device device = resolve_device(options.get<ExecutionOptions>().device);
  const int threads = resolve_threads(options);
  check_ranks(options, device);
  kernels::kernels();  // a bad LCR_KERNELS stops here
  const bool worker = !options.get<WorkerOptions>().worker_run.empty();
  if (!worker && !options.get<ExecutionOptions>().dry_run) prepare_directories(options);
  if (!worker) check_schedule(first);
  watch_signals();
  if (worker) {
    take_workers_environment(argv);
    watch_parent();
  }
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
  const int devices = shared_devices(options, device);
  const int jobs = runs_at_a_time(options.get<ExecutionOptions>().jobs, devices,
                                  options.get<BatchOptions>().ranks);
  const auto tasks = make_tasks(grid, arguments, threads, jobs);
  if (options.get<ScheduleOptions>().list_tasks) {
    print_commands(tasks);
    return kDone;
  }
  if (options.get<ScheduleOptions>().submit == "slurm" && !tasks.empty()) {
    submit_to_slurm(tasks, first, arguments);
    return kDone;
  }
  if (const int code = run_here(tasks, grid, program, device, devices, jobs); code != kDone)
    return code;
  if (options.get<ExecutionOptions>().max_steps > 0) {
    fmt::print("Stopped after --max-steps {}: nothing is recorded.\n",
               options.get<ExecutionOptions>().max_steps);
    return kDone;
  }
  add_facts(facts_file(options.get<ProgramOptions>().results), grid.inputs());
  for (const auto& experiment : experiments) write_results_of(experiment, grid);
  return kDone;
}

}  // namespace

int run_registered_experiments(int argc, char** argv) {
  const std::string program = fs::path(argv[0]).filename().string();
  const int code = run_main(program.c_str(), [&] {
    return run(program, argv, {argv + 1, argv + argc});
  });
  if (ProcessGroup::lost_a_rank()) ::_exit(code);
  return code;
}

}  // namespace lcr
