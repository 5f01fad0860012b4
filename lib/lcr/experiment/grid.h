// The resolved runs of one or several experiments, with their data and identities.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lcr/data/image_set.h"
#include "lcr/experiment/plan.h"
#include "lcr/record/run_store.h"

namespace lcr {

/// All runs that a program is asked for. With --records, the inputs' facts are those recorded
/// there, and no data is read.
class Grid {
 public:
  /// Makes the plan before any data is read, fetched or decoded; then reads the data, checks the
  /// runs against it and computes their identities. Throws UserError.
  Grid(const std::vector<Experiment>& experiments, const std::vector<std::string>& arguments,
       int threads);

  std::vector<Cell>& cells() { return plan_.cells; }
  /// The control options, which all experiments share: those of the first.
  const Options& control() const { return plan_.command_lines.front().options; }
  const RunStore& store() const { return store_; }
  /// What was read of the inputs.
  const InputFacts& inputs() const { return inputs_; }

 private:
  void identify(int threads);
  void find_data(Cell& cell, int threads);
  std::string init_digest(const std::string& init);

  Plan plan_;
  RunStore store_;
  std::map<std::string, std::unique_ptr<Dataset>> data_;
  InputFacts inputs_, recorded_;
};

}  // namespace lcr
