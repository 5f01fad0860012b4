// Table C1: MoCo v2 against LCR on CIFAR-100, with two controls that the paper does not have. On
// easy data, raw pixels and an untrained network retrieve well, so numbers without them mislead.
#include "lcr/experiment/experiment.h"

namespace {

const lcr::RegisteredExperiment experiment(
    {.id = "c1",
     .title = "Table C1: MoCo v2 and LCR on a non-fine-grained data set",
     .paper_datasets = {"cifar100"},
     .rows = [](const lcr::Options&) -> std::vector<lcr::ExperimentRow> {
       return {{"Raw pixels", {{"method", "raw_pixels"}}},
               {"Untrained network", {{"method", "untrained"}}},
               {"MoCo v2", {{"method", "moco_v2"}}},
               {"Ours", {{"method", "lcr"}}}};
     }});

}  // namespace
