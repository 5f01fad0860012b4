// Table G1: the dimension of the contrastive embedding.
#include "lcr/config/lists.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/experiment.h"

namespace {

std::vector<lcr::ExperimentRow> rows(const lcr::Options& options) {
  std::vector<lcr::ExperimentRow> rows;
  for (const auto& dimension : lcr::parse_values(
           "embedding-dim", options.get<lcr::SelectionOptions>().values, "64,128,256,512,1024"))
    rows.push_back({"dim=" + dimension, {{"method", "lcr"}, {"embedding-dim", dimension}}});
  return rows;
}

const lcr::RegisteredExperiment experiment({.id = "g1",
                                            .title = "Table G1: embedding dimension",
                                            .paper_datasets = {"cub200"},
                                            .rows = rows});

}  // namespace
