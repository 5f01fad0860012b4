// Resolves the rows and seeds of one or several experiments. Reads no data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/config/command_line.h"
#include "lcr/data/image_set.h"
#include "lcr/experiment/data_facts.h"
#include "lcr/experiment/experiment.h"
#include "lcr/record/run_identity.h"

namespace lcr {

/// One run that an experiment asks for.
struct Cell {
  const Experiment* experiment = nullptr;  ///< null for a stand-in's pre-training
  ExperimentRow row;
  Options options;
  std::uint64_t seed = 0;
  std::string varied;                ///< the row's own settings, for example "method=lcr"
  const Dataset* data = nullptr;     ///< null until Grid reads it, and with --records
  const DataFacts* facts = nullptr;  ///< null until Grid knows them
  RunIdentity identity;              ///< empty until Grid computes it
  std::vector<Options> evaluations;  ///< `options` with the settings of each evaluation
  bool selected = true;              ///< by --rows
  /// Runs of a lower stage come first: 0 pre-training, 1 most runs, 2 branches off another run.
  int stage = 1;
};

/// The cells of all experiments.
struct Plan {
  std::vector<CommandLine> command_lines;  ///< one per experiment
  std::vector<Cell> cells;                 ///< the stand-ins first
};

/// Resolves and checks all rows and seeds, and adds the stand-ins that they start from. For a
/// worker (--worker-run), keeps only cells that may be its run. `experiments` must outlive the
/// plan. Throws UserError.
Plan make_plan(const std::vector<Experiment>& experiments,
               const std::vector<std::string>& arguments);

}  // namespace lcr
