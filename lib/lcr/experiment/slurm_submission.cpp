#include "lcr/experiment/slurm_submission.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/system_command.h"
#include "lcr/base/text.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/run_ranks.h"
#include "lcr/experiment/task_commands.h"
#include "lcr/record/slurm_queue.h"
#include "lcr/record/store_folder.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

// Slurm names no port: the job's id gives one that no other job on the node has.
constexpr const char* kTaskScript = R"script(#!/bin/bash
# Does one task of an array: task.sh TABLE, whose lines hold stage, run, label and command.
IFS=$'\t' read -r _ _ label command < <(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$1")
eval "words=($command)"
if [ "$SLURM_NTASKS" -gt 1 ]; then
  export MASTER_ADDR=${MASTER_ADDR:-$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)}
  export MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
fi
# Ranks find out by themselves when another ends. Slurm must not end them then: one that was asked to stop is
# gone while rank 0 still writes the checkpoint.
# A run that was killed or lost a rank goes on from its checkpoint, three times at most.
for attempt in 1 2 3; do
  echo "$(date +%FT%T) $label: attempt $attempt, restart ${SLURM_RESTART_COUNT:-0}, on $SLURM_JOB_NODELIST"
  srun --kill-on-bad-exit=0 --cpus-per-task="$SLURM_CPUS_PER_TASK" "${words[@]}"
  code=$?
  [ $code -ge 128 ] || [ $code -eq 4 ] || break
done
echo "$(date +%FT%T) $label: exit code $code"
# A run that was asked to stop, as before the time limit, goes back into the queue, which ends this script.
if [ $code -eq 3 ]; then scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" && sleep 60; fi
exit $code
)script";

/// The words of --slurm-options.
std::vector<std::string> slurm_words(const Options& options) {
  std::vector<std::string> words;
  for (const auto& word : split(options.get<ScheduleOptions>().slurm_options, ' '))
    if (!word.empty()) words.push_back(word);
  return words;
}

/// Says the first line of what a command of Slurm wrote.
std::string complaint(const CommandOutcome& outcome) {
  const std::string& text = outcome.errors.empty() ? outcome.out : outcome.errors;
  return printable(text.substr(0, text.find('\n')));
}

/// What this process puts into the queue: all, or nothing.
class Submission {
 public:
  Submission(const CommandLine& command, const fs::path& store) : command_(command) {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    name_ = fmt::format("lcr-{:%Y%m%dT%H%M%S}-{}", fmt::gmtime(now), ::getpid());
    folder_ = fs::absolute(submissions_folder(store)) / name_;
    require_writable_directory(folder_ / "log");
    write_atomic(folder_ / "task.sh", kTaskScript);
  }
  Submission(const Submission&) = delete;
  Submission& operator=(const Submission&) = delete;

  const fs::path& folder() const { return folder_; }

  /// Queues an array of tasks. Returns its id.
  std::string add(const std::string& array, const std::vector<std::string>& lines, int ranks,
                  const std::set<std::string>& after) {
    const fs::path table = folder_ / (array + ".tsv");
    write_atomic(table, join(lines, "\n") + "\n");
    std::vector<std::string> words = {
        "sbatch",
        "--parsable",
        "--job-name=" + name_ + "." + array,
        fmt::format("--array=0-{}{}", lines.size() - 1, limit()),
        fmt::format("--ntasks={}", ranks),
        fmt::format("--cpus-per-task={}", threads_per_rank(threads(), ranks)),
        "--requeue",
        "--open-mode=append",
        fmt::format("--output={}/log/{}-%a.txt", folder_.string(), array),
        "--signal=TERM@120",
        "--kill-on-invalid-dep=yes"};
    if (!after.empty())
      words.push_back("--dependency=afterok:" + join({after.begin(), after.end()}, ":"));
    for (auto& word : slurm_words(command_.options)) words.push_back(std::move(word));
    words.push_back((folder_ / "task.sh").string());
    words.push_back(table.string());
    const auto outcome = run_command(words);
    if (!outcome || outcome->code != 0) {
      withdraw();
      fail("sbatch refuses the jobs of {}: {}; nothing is queued", array,
           outcome ? complaint(*outcome) : "not in PATH");
    }
    const std::string id = outcome->out.substr(0, outcome->out.find_first_of(";\n"));
    jobs_.push_back(id);
    return id;
  }

 private:
  int threads() const { return static_cast<int>(command_.options.get<ExecutionOptions>().threads); }
  /// The part of --array that limits how many tasks run at a time.
  std::string limit() const {
    return command_.options.get<ExecutionOptions>().jobs > 0 && command_.given.contains("jobs")
               ? fmt::format("%{}", command_.options.get<ExecutionOptions>().jobs)
               : "";
  }
  void withdraw() const {
    if (!jobs_.empty()) {
      std::vector<std::string> words = {"scancel"};
      words.insert(words.end(), jobs_.begin(), jobs_.end());
      run_command(words);
    }
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  const CommandLine& command_;
  std::string name_;
  fs::path folder_;
  std::vector<std::string> jobs_;
};

std::string table_line(int stage, const std::string& run, const std::string& label,
                       const std::vector<std::string>& arguments) {
  return fmt::format("{}\t{}\t{}\t{}", stage, run, label, shell_command(arguments));
}

}  // namespace

void check_submission(const CommandLine& command) {
  const Options& options = command.options;
  if (!command.given.contains("threads") || options.get<ExecutionOptions>().threads == 0)
    fail(
        "--submit slurm: give --threads, the number of threads of each run: nodes of the cluster "
        "need not be like this machine");
  for (const auto& word : slurm_words(options))
    for (const char* own : {"--array", "-a", "--dependency", "-d", "--job-name", "-J", "--wrap",
                            "--ntasks", "-n", "--cpus-per-task", "-c"})
      if (word == own || word.starts_with(std::string(own) + "="))
        fail("slurm-options: {} is set by --submit itself", own);
  if (!run_command({"sbatch", "--version"}))
    fail(
        "--submit slurm: sbatch is not in PATH: run this on a machine of the cluster from which "
        "jobs are submitted; --list-tasks prints the commands for other schedulers");
  const fs::path store = options.get<StoreOptions>().runs;
  if (const auto fault = test_store_folder(store))
    fail("{}: {}: nodes of a cluster would disturb each other; {}", store.string(), fault->what,
         fault->mend);
}

void submit_to_slurm(const std::vector<WorkerTask>& tasks, const CommandLine& command,
                     const std::vector<std::string>& arguments) {
  const fs::path store = command.options.get<StoreOptions>().runs;
  require_writable_directory(submissions_folder(store));
  const FileLock lock(submissions_folder(store) / "lock");
  const auto queued = queued_runs(store);
  // By stage: the arrays that hold its runs, also those queued before.
  std::map<int, std::set<std::string>> jobs;
  std::map<std::pair<int, int>, std::vector<std::string>> arrays;  ///< by stage and ranks
  std::size_t before = 0;
  for (const auto& task : tasks) {
    if (const auto found = queued.find(task.run); found != queued.end()) {
      jobs[task.stage].insert(found->second.job);
      ++before;
      continue;
    }
    arrays[{task.stage, task.ranks}].push_back(
        table_line(task.stage, task.run, task.label, task.arguments));
  }
  if (before > 0) fmt::print("{} of {} runs are in Slurm's queue already\n", before, tasks.size());
  if (arrays.empty()) return;
  Submission submission(command, store);
  std::set<std::string> after;
  int stage = arrays.begin()->first.first;
  for (const auto& [key, lines] : arrays) {
    if (key.first != stage) {
      for (const auto& [lower, ids] : jobs)
        if (lower < key.first) after.insert(ids.begin(), ids.end());
      stage = key.first;
    }
    const std::string array = fmt::format("stage{}-ranks{}", key.first, key.second);
    const std::string id = submission.add(array, lines, key.second, after);
    jobs[key.first].insert(id);
    fmt::print("job {}: {} runs of stage {}{}\n", id, lines.size(), key.first,
               key.second > 1 ? fmt::format(", {} processes each", key.second) : "");
  }
  for (const auto& [_, ids] : jobs) after.insert(ids.begin(), ids.end());
  std::vector<std::string> last = without_options(arguments, {"submit", "slurm-options", "jobs"});
  const std::string id = submission.add("results", {table_line(3, "-", "results", last)}, 1, after);
  fmt::print("job {}: the results, after all others\nlogs: {}; lcr-runs list shows the queue\n", id,
             (submission.folder() / "log").string());
}

}  // namespace lcr
