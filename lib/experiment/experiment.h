// The main program of an experiment: a grid of rows and seeds over the run store.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lcr/record/options.h"

namespace lcr {

/// One row of a paper's table: a name and the options that make it.
struct ExperimentRow {
  std::string name;
  std::vector<std::pair<std::string, std::string>> settings;
};

struct Experiment {
  std::string id;       ///< "c1": its section in presets, its results file
  std::string program;  ///< name of the executable
  std::string title;    ///< one line for --help
  std::string paper_dataset;  ///< what the paper used, as in --dataset; others are labelled as standing in for it
  std::vector<ExperimentRow> rows;
};

/// Runs an experiment: parses the command line, asks the store for each run of the grid, trains what is absent (each run in a
/// process of its own, `--jobs` at a time), writes results/<tag>/<id>.csv and prints a summary. Returns the exit code.
int run_experiment(int argc, char** argv, const Experiment& experiment);

}  // namespace lcr
