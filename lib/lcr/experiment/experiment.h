// The main program of experiments: a grid of rows and seeds over the run store.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lcr/record/options.h"

namespace lcr {

/// Options by name, as text.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// One row of a paper's table: a name and the options that make it.
struct ExperimentRow {
  std::string name;
  Settings settings;
  bool headline = true;  ///< trained with every seed of --seeds; else with those of --other-seeds
};

struct Experiment {
  std::string id;     ///< "c1": its section in presets, its results file, its plot specification
  std::string title;  ///< one line for --help
  std::vector<std::string> paper_datasets;  ///< what the paper used, as in --dataset; others are
                                            ///< labelled as standing in for the first
  /// The rows, which may depend on the preset (what a sweep goes through).
  std::function<std::vector<ExperimentRow>(const Options&)> rows;
  /// Evaluations of every finished run beyond the retrieval that each records: options of the
  /// protocols. What a run's method or data do not allow (localisation without masks, projections
  /// without a GFB) is left out for that run.
  std::vector<Settings> evaluations;
  bool curves = false;  ///< the results also hold the scores of every evaluated epoch
};

/// A global object of this type makes an experiment known to main(): experiments/NAME.cpp has one
/// each.
struct RegisteredExperiment {
  explicit RegisteredExperiment(Experiment experiment);
};

/// The experiments that are linked into the program, in the order of their ids.
const std::vector<Experiment>& registered_experiments();

/// Runs all experiments that are linked into the program: parses the command line, asks the store
/// for each run of their grids, trains and evaluates what is absent (each run in a process of its
/// own, `--jobs` at a time; shared runs once), writes results/<tag>/<id>.csv and prints a summary.
/// Returns the exit code.
int run_registered_experiments(int argc, char** argv);

}  // namespace lcr
