// Figure B1: heat maps of the projections of highest and lowest variance, and their similarity to
// principal components.
#include "lcr/experiment/experiment.h"

namespace {

const lcr::RegisteredExperiment experiment(
    {.id = "b1",
     .title = "Figure B1: what the projections look at",
     .paper_datasets = {"cub200"},
     .rows = [](const lcr::Options&) -> std::vector<lcr::ExperimentRow> {
       return {{"Ours", {{"method", "lcr"}}}};
     },
     .evaluations = {{{"protocols", "projections"}}}});

}  // namespace
