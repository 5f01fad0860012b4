// Figure B2: trains from subset-epoch on with all projections, with those of highest variance, or
// with others chosen at random (three times). All rows share the training before subset-epoch.
#include "lcr/experiment/experiment.h"

namespace {

const lcr::RegisteredExperiment experiment(
    {.id = "b2",
     .title = "Figure B2: selection of projections",
     .paper_datasets = {"fgvc-aircraft"},
     .rows = [](const lcr::Options&) -> std::vector<lcr::ExperimentRow> {
       std::vector<lcr::ExperimentRow> rows = {
           {"Ours (all K)", {{"method", "lcr"}, {"subset", "all"}}},
           {"Ours (high-variance K)", {{"method", "lcr"}, {"subset", "top_variance"}}}};
       for (const char* choice : {"0", "1", "2"})
         rows.push_back({"Ours (random K)",
                         {{"method", "lcr"}, {"subset", "random"}, {"subset-seed", choice}}});
       return rows;
     }});

}  // namespace
