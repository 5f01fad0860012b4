// The experiments that are linked into the program.
#include <algorithm>

#include "lcr/experiment/experiment.h"

namespace lcr {
namespace {

std::vector<Experiment>& registry() {
  static std::vector<Experiment> experiments;
  return experiments;
}

}  // namespace

RegisteredExperiment::RegisteredExperiment(Experiment experiment) {
  // In the order of the ids, which does not depend on the linker.
  auto& all = registry();
  all.insert(std::upper_bound(all.begin(), all.end(), experiment,
                              [](const Experiment& a, const Experiment& b) { return a.id < b.id; }),
             std::move(experiment));
}

const std::vector<Experiment>& registered_experiments() { return registry(); }

}  // namespace lcr
