#include "lcr/experiment/worker_tasks.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/data/batch_options.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/dry_run.h"
#include "lcr/experiment/run.h"
#include "lcr/experiment/run_ranks.h"
#include "lcr/experiment/worker.h"
#include "lcr/method/method_spec.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

void warn_about_missing_pins(const Cell& cell, const RunStore& store) {
  for (const auto epoch : parse_epochs(cell.options.get<ExecutionOptions>().pin_epochs))
    if (method_of(cell.options).trains() &&
        !fs::exists(store.directory(cell.identity) / "checkpoints" /
                    fmt::format("epoch-{}.safetensors", epoch)))
      say("warning: {} is finished and keeps no checkpoint of epoch {}; remove its directory "
          "to train it again\n",
          cell.identity.directory, epoch);
}

/// Fails if a finished stand-in lacks the weights from which a run that is to be trained starts.
void require_standin_weights(Grid& grid, const std::set<std::string>& planned) {
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
}

/// The threads of a worker. Those of a rank that srun starts, which has cores of its own.
int share_of_threads(const Cell& cell, const Options& control, int threads, int jobs, int ranks) {
  if (control.get<ScheduleOptions>().submit == "slurm") return threads_per_rank(threads, ranks);
  if (cell.stage == 0) return threads;  // others wait for it
  return std::max(1, threads / jobs);
}

/// The task of a run that the store lacks, or that lacks evaluations.
WorkerTask make_task(const Cell& cell, Grid& grid, const std::vector<std::string>& arguments,
                     int threads, int jobs) {
  const bool trained = grid.store().find(cell.identity).has_value();
  const std::int64_t steps =
      trained ? 1
              : std::max<std::int64_t>(1, count_steps(cell.options, cell.facts->training_images));
  const int ranks = trained ? 1 : rank_count(cell.options);
  const int share = share_of_threads(cell, grid.control(), threads, jobs, ranks);
  const std::string id = cell.experiment ? cell.experiment->id + " " : "";
  return {
      .label = fmt::format("{}{} s{}", id, cell.row.name, cell.seed),
      .run = cell.identity.directory,
      .arguments = worker_arguments(arguments, cell, share),
      .units = steps *
               (method_of(cell.options).trains() ? cell.options.get<BatchOptions>().batch_size : 1),
      .stage = cell.stage,
      .ranks = ranks};
}

}  // namespace

std::vector<WorkerTask> make_tasks(Grid& grid, const std::vector<std::string>& arguments,
                                   int threads, int jobs) {
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
        warn_about_missing_pins(cell, grid.store());
        continue;
      }
      if (control.get<ExecutionOptions>().max_steps > 0 && !method_of(cell.options).trains())
        continue;
      if (planned.insert(cell.identity.directory).second)
        tasks.push_back(make_task(cell, grid, arguments, threads, jobs));
    }
  require_standin_weights(grid, planned);
  say("{} of {} runs are in the store, {} to do{}\n", wanted.size() - planned.size(), wanted.size(),
      planned.size(),
      control.get<ExecutionOptions>().max_steps > 0
          ? fmt::format(", at most {} steps each", control.get<ExecutionOptions>().max_steps)
          : "");
  return tasks;
}

}  // namespace lcr
