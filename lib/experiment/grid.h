// The runs of one or several experiments, resolved, with their data and identities.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lcr/data/image_set.h"
#include "lcr/experiment/experiment.h"
#include "lcr/record/command_line.h"
#include "lcr/record/run_identity.h"
#include "lcr/record/run_store.h"

namespace lcr {

/// One run that an experiment asks for.
struct Cell {
  const Experiment* experiment = nullptr;  ///< null for a stand-in's pre-training
  ExperimentRow row;
  Options options;
  std::uint64_t seed = 0;
  std::string varied;  ///< "method=lcr"
  const Dataset* data = nullptr;
  RunIdentity identity;
  std::vector<Options> evaluations;  ///< the options with those of each evaluation
  bool selected = true;              ///< by --rows
  int stage = 1;                     ///< runs of a lower stage come first: 0 pre-training, 2 what branches off another run
};

class Grid {
 public:
  /// Resolves and checks all rows and seeds, before any data is read, fetched or decoded. Then reads the data, checks the runs against them and
  /// identifies them. For a worker only what its run may be. Throws UserError.
  Grid(const std::vector<Experiment>& experiments, const std::vector<std::string>& arguments, int threads);

  std::vector<Cell>& cells() { return cells_; }
  const std::vector<CommandLine>& command_lines() const { return command_lines_; }  ///< one an experiment
  /// What is common to all experiments: the control options of the first.
  const Options& control() const { return command_lines_.front().options; }
  const RunStore& store() const { return store_; }

 private:
  void add_rows(const Experiment& experiment, const CommandLine& command, const std::vector<std::string>& arguments);
  void check_rows() const;
  void check_given_evaluation_options(const std::vector<Experiment>& experiments) const;
  void add_standins(const CommandLine& command);
  void identify(int threads);
  const Dataset& data_of(const Options& options, int threads);

  std::vector<CommandLine> command_lines_;
  RunStore store_;
  std::vector<Cell> cells_;
  struct LoadedData {
    Dataset data;
    std::string train_fingerprint, test_fingerprint;
  };
  std::map<std::string, std::unique_ptr<LoadedData>> data_;
};

}  // namespace lcr
