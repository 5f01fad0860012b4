#include "lcr/experiment/worker.h"

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/rank_variables.h"
#include "lcr/base/signals.h"
#include "lcr/config/command_line.h"
#include "lcr/experiment/checkpoints.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/evaluate_run.h"
#include "lcr/experiment/out_of_memory.h"
#include "lcr/experiment/run.h"
#include "lcr/experiment/run_ranks.h"
#include "lcr/experiment/worker_pool.h"

namespace lcr {
namespace fs = std::filesystem;

std::vector<std::string> worker_arguments(const std::vector<std::string>& arguments,
                                          const Cell& cell, int threads) {
  std::vector<std::string> out = {"--threads", std::to_string(threads), "--worker-run",
                                  cell.identity.directory};
  if (cell.identity.inputs.init.starts_with("run "))
    out.insert(out.end(), {"--worker-standin", cell.identity.inputs.init.substr(4)});
  for (auto& argument :
       without_options(arguments, {"threads", "submit", "slurm-options", "list-tasks"}))
    out.push_back(std::move(argument));
  return out;
}

void work(Grid& grid, int threads) {
  const std::string& wanted = grid.control().get<WorkerOptions>().worker_run;
  bool found = false;
  std::optional<RankVariables> place;  // of a run that a launcher started
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
      if (!place || place->rank == 0) report_progress(done, total + evaluations, note);
    };
    const RunObserver evaluating = [&](std::int64_t, std::int64_t, const std::string& note) {
      report_progress(steps + evaluated, steps + evaluations, note);
    };
    if (rank_count(cell.options) > 1) place = read_rank_variables();
    if (place && place->size == 1) place.reset();
    // Only rank 0 knows for all whether the store has the run.
    if (!found && (place || !grid.store().find(cell.identity)))
      explain_out_of_memory(cell.options, [&] {
        try {
          execute_run(cell.options, cell.identity, cell.seed, *cell.data, grid.store(), threads,
                      training);
        } catch (const LostRank&) {
          if (!stop_requested()) throw;
          throw Interrupted("stopped by a signal");  // which has ended the other rank before
        }
      });
    found = true;
    if (cell.options.get<ExecutionOptions>().max_steps > 0 || (place && place->rank > 0)) return;
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

void clear_leftovers(const fs::path& run) {
  Checkpoints::clear(run);
  remove_stale_temporaries(run / "evaluations");
}

}  // namespace lcr
