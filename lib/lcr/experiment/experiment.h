// The main program of experiments: runs a grid of rows and seeds on top of the run store.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lcr/config/options.h"

namespace lcr {

/// Options by name, as text.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// One row of a table in the paper: a name and the options that define it.
struct ExperimentRow {
  std::string name;
  Settings settings;
  bool headline = true;  ///< trained with the seeds of --seeds; if false, of --other-seeds
  /// Evaluations of this row's runs alone, in addition to the experiment's.
  std::vector<Settings> evaluations = {};
};

/// A table or figure of the paper.
struct Experiment {
  /// For example "c1": names its section in presets, its results file and its plot specification.
  std::string id;
  std::string title;  ///< one line for --help
  /// The data sets of the paper, as in --dataset. Others are labelled as standing in for the first.
  std::vector<std::string> paper_datasets;
  /// The rows, which may depend on the preset (the values of a sweep).
  std::function<std::vector<ExperimentRow>(const Options&)> rows;
  /// Evaluations of every finished run, in addition to the retrieval that each run records, as
  /// options of the protocols, or eval-mask-norm where it is to differ from the run's own.
  /// Protocols that a run's method or data do not allow (localisation without masks, projections
  /// without a GFB) are left out for that run.
  std::vector<Settings> evaluations;
};

/// Registers an experiment with main(). Each experiments/NAME.cpp has a global one.
struct RegisteredExperiment {
  explicit RegisteredExperiment(Experiment experiment);
};

/// The experiments that are linked into the program, in the order of their ids.
const std::vector<Experiment>& registered_experiments();

/// Runs all experiments that are linked into the program: parses the command line, looks up each
/// run of their grids in the store, trains and evaluates the absent ones (each run in its own
/// process, at most `--jobs` at a time; shared runs once), writes results/<tag>/<id>.csv and prints
/// a summary. Returns the exit code.
int run_registered_experiments(int argc, char** argv);

}  // namespace lcr
