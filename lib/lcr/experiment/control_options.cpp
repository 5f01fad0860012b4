#include "lcr/experiment/control_options.h"

#include <set>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/config/section.h"

namespace lcr {

std::vector<OptionSpec> selection_options() {
  Section<SelectionOptions> s("Control", OptionPart::kControl);
  s.text("seeds", &SelectionOptions::seeds, "", "comma-separated seeds, one run per seed");
  s.text("other-seeds", &SelectionOptions::other_seeds, "",
         "comma-separated seeds of rows that no claim uses (empty: as --seeds)");
  s.text("datasets", &SelectionOptions::datasets, "",
         "comma-separated data sets of experiments that use several (empty: as --dataset)");
  s.text("values", &SelectionOptions::values, "",
         "comma-separated values that a sweep tries: K in d1, the dimension in g1, nu in f1, "
         "queue-size in q1, names of switches in s1 (empty: the paper's grid, all switches)");
  s.text("lambda-values", &SelectionOptions::lambda_values, "",
         "comma-separated values of lambda that f1 tries");
  s.text("rows", &SelectionOptions::rows, "TEXT",
         "train only the row of this name, or else the rows whose names contain this text; the "
         "results include every row that the store has");
  return s.rows();
}

std::vector<OptionSpec> execution_options() {
  Section<ExecutionOptions> s("Control", OptionPart::kControl);
  s.text(
      "device", &ExecutionOptions::device, "",
      "device to compute on: auto, cpu, cuda or cuda:N; with auto and cuda, runs at the same time "
      "(--jobs) share out all CUDA devices that the program sees, cuda:N is that one alone");
  s.number("threads", &ExecutionOptions::threads, "threads",
           "total number of threads (0: the cores that this process may use, by its affinity and "
           "its container's CPU quota)",
           0, 4096);
  s.number(
      "jobs", &ExecutionOptions::jobs, "runs",
      "number of runs trained at the same time (0: one on the CPU, on CUDA one for each device "
      "that they share); they share the threads and take the devices in turn, each as many as "
      "it has ranks (--device)",
      0, 256);
  s.number("rank-timeout", &ExecutionOptions::rank_timeout, "seconds",
           "time after which a rank (--ranks) that does not answer counts as lost; the others wait "
           "in it for what rank 0 alone does after an epoch, too",
           1, 1e6);
  s.number("max-steps", &ExecutionOptions::max_steps, "steps",
           "stop each run after this many optimisation steps and record nothing (0: no "
           "limit)",
           0, kMany);
  s.flag("dry-run", &ExecutionOptions::dry_run,
         "print the grid, the state of its runs and their options; train nothing");
  s.text("pin-epochs", &ExecutionOptions::pin_epochs, "",
         "comma-separated epochs after which a checkpoint is kept, in addition to best and "
         "last");
  s.text("checkpoint-every", &ExecutionOptions::checkpoint_every, "",
         "interval between checkpoints of the training state, in time or epochs (10min, "
         "0.5min, 5epochs, never); a run that was stopped or killed resumes from the last "
         "one");
  s.flag("inexact-resume", &ExecutionOptions::inexact_resume,
         "resume even from a checkpoint that was written with other threads, CPU features, "
         "BLAS, LibTorch or device, which changes the rounding; the results are marked");
  s.flag("deterministic", &ExecutionOptions::deterministic,
         "CUDA: use only operations that always give the same bits, which is slower; without "
         "it, a run that resumed from a checkpoint is marked as inexact (operations on the "
         "CPU are always deterministic)");
  return s.rows();
}

std::vector<OptionSpec> schedule_options() {
  Section<ScheduleOptions> s("Control", OptionPart::kControl);
  s.choice("submit", &ScheduleOptions::submit,
           "who trains what the store lacks, instead of this program: slurm puts it into the "
           "cluster's queue, with a last job that makes the results; runs that are queued already "
           "are left alone. --threads are those of each run, --jobs limits how many run at a time",
           {"none", "slurm"});
  s.text("slurm-options", &ScheduleOptions::slurm_options, "TEXT",
         "with --submit slurm: options of sbatch for every job, separated by blanks, such as "
         "'--partition=gpu --gpus-per-task=1 --time=8:00:00'",
         {[](const Options& o) { return o.get<ScheduleOptions>().submit == "slurm"; },
          "submit = slurm"});
  s.flag(
      "list-tasks", &ScheduleOptions::list_tasks,
      "print the commands of the missing runs that can start now, one per line, for GNU parallel "
      "and other schedulers; train nothing");
  return s.rows();
}

std::vector<OptionSpec> store_options() {
  Section<StoreOptions> s("Control", OptionPart::kControl);
  s.text("runs", &StoreOptions::runs, "DIR", "directory of the run store");
  s.text("records", &StoreOptions::records, "DIR",
         "make the results from the runs in the store and from DIR/inputs.json, a file beside "
         "earlier results, without the data; trains nothing");
  return s.rows();
}

std::vector<OptionSpec> worker_options() {
  Section<WorkerOptions> s("Control", OptionPart::kControl);
  s.text("worker-run", &WorkerOptions::worker_run, "ID",
         "directory name of the only run to train (used by --jobs)");
  s.text("worker-standin", &WorkerOptions::worker_standin, "HASH",
         "identity of the run that made the initial weights (used by --jobs)");
  return s.rows();
}

CheckpointInterval parse_checkpoint_interval(const std::string& text) {
  CheckpointInterval interval;
  if (text == "never") return interval;
  const auto end = text.find_first_not_of("0123456789.");
  const std::string number = text.substr(0, end);
  const std::string unit = end == std::string::npos ? "" : text.substr(end);
  if (unit == "min") interval.minutes = parse_number(number).value_or(0);
  if (unit == "epoch" || unit == "epochs") interval.epochs = parse_integer(number).value_or(0);
  if (!(interval.minutes > 0 && interval.minutes < 1e6) && interval.epochs < 1)
    fail("checkpoint-every = '{}' is not an interval such as 10min, 0.5min, 1epoch, 5epochs, never",
         text);
  return interval;
}

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  std::set<std::uint64_t> seen;
  for (const auto& part : split(text, ',')) {
    const auto seed = parse_integer(part);
    if (!seed || *seed < 0) fail("seeds = '{}': '{}' is not a whole number >= 0", text, part);
    if (!seen.insert(static_cast<std::uint64_t>(*seed)).second)
      fail("seeds = '{}': {} is named twice", text, part);
    seeds.push_back(static_cast<std::uint64_t>(*seed));
  }
  if (seeds.empty()) fail("seeds: give at least one, for example --seeds 0,1,2");
  return seeds;
}

std::vector<std::int64_t> parse_epochs(const std::string& text) {
  std::vector<std::int64_t> epochs;
  for (const auto& part : split(text, ',')) {
    const auto epoch = parse_integer(part);
    if (!epoch || *epoch < 1)
      fail("pin-epochs = '{}': '{}' is not a whole number >= 1", text, part);
    epochs.push_back(*epoch);
  }
  return epochs;
}

}  // namespace lcr
