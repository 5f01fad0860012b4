// Table E1: the structure of the GFB. The paper does not give its MLP's layers; ours are in
// lib/lcr/model/gfb.h.
#include "lcr/experiment/experiment.h"

namespace {

const lcr::RegisteredExperiment experiment(
    {.id = "e1",
     .title = "Table E1: structure of the GFB",
     .paper_datasets = {"cifar100"},
     .rows = [](const lcr::Options&) -> std::vector<lcr::ExperimentRow> {
       return {
           {"Ours (K=8)", {{"method", "lcr"}, {"gfb", "max_projections"}, {"projections", "8"}}},
           {"Ours (K=32)", {{"method", "lcr"}, {"gfb", "max_projections"}, {"projections", "32"}}},
           {"MLP", {{"method", "lcr"}, {"gfb", "mlp"}}}};
     }});

}  // namespace
