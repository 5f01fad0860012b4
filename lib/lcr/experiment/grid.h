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

/// All runs that a program is asked for.
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

 private:
  void identify(int threads);
  const Dataset& data_of(const Options& options, int threads);

  Plan plan_;
  RunStore store_;
  struct LoadedData {
    Dataset data;
    std::string train_fingerprint, test_fingerprint;
  };
  std::map<std::string, std::unique_ptr<LoadedData>> data_;
};

}  // namespace lcr
