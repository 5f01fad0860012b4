// The rows of one or several experiments and their seeds, resolved. No data is read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/data/image_set.h"
#include "lcr/experiment/experiment.h"
#include "lcr/record/command_line.h"
#include "lcr/record/run_identity.h"

namespace lcr {

/// One run that an experiment asks for.
struct Cell {
  const Experiment* experiment = nullptr;  ///< null for a stand-in's pre-training
  ExperimentRow row;
  Options options;
  std::uint64_t seed = 0;
  std::string varied;             ///< "method=lcr"
  const Dataset* data = nullptr;  ///< null until Grid reads it, as `identity` is empty
  RunIdentity identity;
  std::vector<Options> evaluations;  ///< the options with those of each evaluation
  bool selected = true;              ///< by --rows
  int stage =
      1;  ///< runs of a lower stage come first: 0 pre-training, 2 what branches off another run
};

struct Plan {
  std::vector<CommandLine> command_lines;  ///< one per experiment
  std::vector<Cell> cells;                 ///< the stand-ins first
};

/// Resolves and checks all rows and seeds, and adds the stand-ins that they start from. For a
/// worker (--worker-run) only what its run may be. `experiments` must outlive the plan. Throws
/// UserError.
Plan make_plan(const std::vector<Experiment>& experiments,
               const std::vector<std::string>& arguments);

/// Whether the run's initial weights come from a run on the stand-in's data (--pretrain).
bool starts_from_standin(const Options& options);

}  // namespace lcr
