// What was put into Slurm's queue from a run store, and what the queue says of it.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace lcr {

/// A run that Slurm still has to do, or is doing.
struct QueuedRun {
  std::string job;    ///< id of the job array
  std::string task;   ///< its index in the array
  std::string state;  ///< in Slurm's words, such as PENDING or RUNNING
  int stage = 1;      ///< as WorkerTask has it
};

/// The folder of a store that holds one folder per submission, named like its jobs: SUBMISSION is
/// the jobs' name up to a point, and the table SUBMISSION/ARRAY.tsv lists the tasks of the job
/// array SUBMISSION.ARRAY by their index: stage, run, label and command, separated by tabs.
std::filesystem::path submissions_folder(const std::filesystem::path& store);

/// The runs of the store in Slurm's queue, by the names of their directories. Empty, without a
/// question to Slurm, if nothing was ever submitted from it. Throws UserError if the queue cannot
/// be read.
std::map<std::string, QueuedRun> queued_runs(const std::filesystem::path& store);

}  // namespace lcr
