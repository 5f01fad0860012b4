// Table X1, beyond the paper: where does the gain come from? Evaluates every method with every
// pooling, with controls for the target of the fit, for the optimisation (learning rate 0), for
// batch norm's statistics and for the scope of the authors' masks at test time.
#include "lcr/experiment/experiment.h"

namespace {

std::vector<lcr::ExperimentRow> rows(const lcr::Options& options) {
  // The two literal readings have their own weight and temperature, the rescaled one the preset's.
  const lcr::Settings a1 = {{"method", "lcr"},
                            {"variant", "algorithm_a1"},
                            {"tau", "0.4"},
                            {"kl-reduction", "sum"},
                            {"nu", "0.01"}};
  const lcr::Settings authors = {{"method", "lcr"},
                                 {"variant", "authors_code"},
                                 {"tau", "1"},
                                 {"kl-reduction", "sum"},
                                 {"nu", "0.01"}};
  // Their test code normalises the mask over the evaluation batch. With --eval-mask-norm batch
  // every evaluation here does.
  std::vector<lcr::Settings> as_they_test;
  if (options.eval_mask_norm != "batch")
    as_they_test = {{{"protocols", "retrieval"},
                     {"poolings", "attention,random_gfb"},
                     {"bn-statistics", "as_trained"},
                     {"eval-mask-norm", "batch"}}};
  const auto rescaled = [](const char* name, const char* value) {
    return lcr::Settings{{"method", "lcr"}, {"variant", "algorithm_a1_rescaled"}, {name, value}};
  };
  return {{"No SSL", {{"method", "untrained"}}, false},
          {"MoCo v2, learning rate 0", {{"method", "moco_v2"}, {"lr", "0"}}, false},
          {"MoCo v2", {{"method", "moco_v2"}}},
          {"LCR (A1 rescaled)", rescaled("cam-source", "positive_logit")},
          {"LCR (Algorithm A1)", a1, false},
          {"LCR (authors' code)", authors, true, as_they_test},
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
