// Table X1, beyond the paper: where does the gain come from? Evaluates every method with every
// pooling, with controls for the target of the fit, for the optimisation (learning rate 0), for
// batch norm's statistics and for the scope of the authors' masks at test time.
#include "experiments/literal_readings.h"

namespace {

std::vector<lcr::ExperimentRow> rows(const lcr::Options& options) {
  const auto as_they_test = lcr::as_the_authors_test(options, {{"protocols", "retrieval"},
                                                               {"poolings", "attention,random_gfb"},
                                                               {"bn-statistics", "as_trained"}});
  const auto rescaled = [](const char* name, const char* value) {
    return lcr::Settings{{"method", "lcr"}, {"variant", "algorithm_a1_rescaled"}, {name, value}};
  };
  return {{"No SSL", {{"method", "untrained"}}, false},
          {"MoCo v2, learning rate 0", {{"method", "moco_v2"}, {"lr", "0"}}, false},
          {"MoCo v2", {{"method", "moco_v2"}}},
          {"LCR (A1 rescaled)", rescaled("cam-source", "positive_logit")},
          {"LCR (Algorithm A1)", lcr::literal_reading("algorithm_a1", "0.4"), false},
          {"LCR (authors' code)", lcr::literal_reading("authors_code", "1"), true, as_they_test},
          {"LCR, uniform target", rescaled("cam-source", "uniform")},
          {"LCR, shuffled target", rescaled("cam-source", "shuffled"), false}};
}

const lcr::RegisteredExperiment experiment(
    {.id = "x1",
     .title = "Table X1: attribution of the gain",
     .paper_datasets = {"cub200"},
     .rows = rows,
     .evaluations = {{{"protocols", "retrieval,localisation"}, {"bn-statistics", "as_trained"}},
                     {{"protocols", "retrieval"}, {"bn-statistics", "recalibrated"}}}});

}  // namespace
