// Figure D1: rank-1 against K, the number of projections, with MoCo v2 as a reference line.
#include "lcr/config/lists.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/experiment.h"

namespace {

std::vector<lcr::ExperimentRow> rows(const lcr::Options& options) {
  std::vector<lcr::ExperimentRow> rows = {{"MoCo v2", {{"method", "moco_v2"}}}};
  for (const auto& k : lcr::parse_values("projections", options.get<lcr::SelectionOptions>().values,
                                         "2,4,8,16,32,64,128,256"))
    rows.push_back({"K=" + k, {{"method", "lcr"}, {"projections", k}}});
  return rows;
}

const lcr::RegisteredExperiment experiment({.id = "d1",
                                            .title = "Figure D1: the number of projections K",
                                            .paper_datasets = {"cifar100"},
                                            .rows = rows});

}  // namespace
