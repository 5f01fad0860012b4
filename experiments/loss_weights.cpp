// Table F1: the weights of the two losses.
#include "lcr/config/lists.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/experiment.h"

namespace {

std::vector<lcr::ExperimentRow> rows(const lcr::Options& options) {
  std::vector<lcr::ExperimentRow> rows;
  for (const auto& lambda :
       lcr::parse_values("lambda", options.get<lcr::SelectionOptions>().lambda_values, "1"))
    for (const auto& nu :
         lcr::parse_values("nu", options.get<lcr::SelectionOptions>().values, "1,0.1,0.01,0.001"))
      rows.push_back({"lambda=" + lambda + ", nu=" + nu,
                      {{"method", "lcr"}, {"lambda", lambda}, {"nu", nu}},
                      nu != "0.1"});  // no claim of the paper compares it
  return rows;
}

const lcr::RegisteredExperiment experiment({.id = "f1",
                                            .title = "Table F1: loss weights lambda and nu",
                                            .paper_datasets = {"cub200"},
                                            .rows = rows});

}  // namespace
