// The main table: retrieval, and linear probing with 100%, 50% and 20% of the labels. The row of
// the authors' code is also tested with their masks. SimSiam is not in the
// paper: a third host.
#include "experiments/literal_readings.h"
#include "lcr/base/text.h"
#include "lcr/data/dataset_options.h"
#include "lcr/experiment/control_options.h"
#include "lcr/model/model_options.h"

namespace {

/// Row name of the network before self-supervision. Only weights from a file can be the paper's.
const char* initial_row(const lcr::Options& options) {
  if (!options.get<lcr::InitOptions>().init.empty()) return "ImageNet init";
  return options.get<lcr::InitOptions>().pretrain != "none" ? "Stand-in init" : "Random init";
}

std::vector<lcr::ExperimentRow> rows(const lcr::Options& options) {
  std::vector<lcr::ExperimentRow> rows;
  for (const auto& dataset : lcr::split(options.get<lcr::SelectionOptions>().datasets.empty()
                                            ? options.get<lcr::DatasetOptions>().dataset
                                            : options.get<lcr::SelectionOptions>().datasets,
                                        ',')) {
    rows.push_back({initial_row(options), {{"dataset", dataset}, {"method", "untrained"}}, false});
    rows.push_back({"MoCo v2", {{"dataset", dataset}, {"method", "moco_v2"}}});
    rows.push_back({"MoCo-Bilinear", {{"dataset", dataset}, {"method", "moco_bilinear"}}, false});
    rows.push_back({"LCR", {{"dataset", dataset}, {"method", "lcr"}}});
    lcr::Settings authors = lcr::literal_reading("authors_code", "1");
    authors.emplace_back("dataset", dataset);
    rows.push_back({"LCR (authors' code)", authors, true,
                    lcr::as_the_authors_test(
                        options, {{"protocols", "retrieval,probe"}, {"poolings", "own"}})});
    rows.push_back({"BYOL", {{"dataset", dataset}, {"method", "byol"}}, false});
    rows.push_back({"LCR (BYOL)", {{"dataset", dataset}, {"method", "byol_lcr"}}, false});
    rows.push_back({"SimSiam", {{"dataset", dataset}, {"method", "simsiam"}}, false});
    rows.push_back({"LCR (SimSiam)", {{"dataset", dataset}, {"method", "simsiam_lcr"}}, false});
  }
  return rows;
}

const lcr::RegisteredExperiment experiment(
    {.id = "main",
     .title = "Main results: linear probing and retrieval",
     .paper_datasets = {"cub200", "stanford-cars", "fgvc-aircraft"},
     .rows = rows,
     .evaluations = {
         {{"protocols", "probe"}, {"label-shares", "1,0.5,0.2"}, {"poolings", "own"}}}});

}  // namespace
