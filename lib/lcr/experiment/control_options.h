// Options of what a program does and where. None of these is part of a run's identity.
#pragma once

#include <string>
#include <vector>

#include "lcr/config/options.h"

namespace lcr {

/// Which runs.
struct SelectionOptions {
  std::string seeds = "0", other_seeds, datasets, values, lambda_values = "1", rows;
};

/// How a run executes.
struct ExecutionOptions {
  std::string device = "auto";
  std::int64_t threads = 0, jobs = 0, max_steps = 0;
  std::int64_t rank_timeout = 1800;  ///< seconds
  bool dry_run = false;
  std::string pin_epochs, checkpoint_every = "10min";
  bool inexact_resume = false, deterministic = false;
};

/// Who else starts the runs.
struct ScheduleOptions {
  std::string submit = "none", slurm_options;
  bool list_tasks = false;
};

/// Where runs and records are.
struct StoreOptions {
  std::string runs = "runs", records;
};

/// Set by a program that starts workers (--jobs).
struct WorkerOptions {
  std::string worker_run, worker_standin;
};

std::vector<OptionSpec> selection_options();
std::vector<OptionSpec> execution_options();
std::vector<OptionSpec> schedule_options();
std::vector<OptionSpec> store_options();
std::vector<OptionSpec> worker_options();

/// "0,1,2" as numbers. Throws UserError if the list is empty, a seed is not a whole number of at
/// least 0, or one is repeated.
std::vector<std::uint64_t> parse_seeds(const std::string& text);

/// "30,60" as numbers; an empty text gives none. Throws UserError if one is not a whole number of
/// at least 1.
std::vector<std::int64_t> parse_epochs(const std::string& text);

/// The interval between checkpoints, in minutes or in epochs. Both are 0 for "never".
struct CheckpointInterval {
  double minutes = 0;
  std::int64_t epochs = 0;
};

/// Parses "10min" or "0.5min", "1epoch" or "5epochs", or "never". Throws UserError.
CheckpointInterval parse_checkpoint_interval(const std::string& text);

}  // namespace lcr
