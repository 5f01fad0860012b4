// An experiment with the components of the pages in docs/, which register themselves.
#include "lcr/experiment/experiment.h"

namespace {

const lcr::RegisteredExperiment experiment({.id = "own",
                                            .title = "Components from outside the suite",
                                            .paper_datasets = {"cub200"},
                                            .rows =
                                                [](const lcr::Options&) {
                                                  return std::vector<lcr::ExperimentRow>{
                                                      {"Barlow Twins",
                                                       {{"method", "barlow_twins"}}},
                                                      {"LCR on Barlow Twins",
                                                       {{"method", "barlow_twins_lcr"}}}};
                                                },
                                            .evaluations = {{{"protocols", "nmi"}}}});

}  // namespace
