// Table Q1, beyond the paper: the length of the queue. The paper's is 10.9 times as long as CUB's
// training set, so that the negatives of an image hold about eleven older keys of the image itself.
#include <fmt/core.h>

#include "lcr/config/lists.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/experiment.h"
#include "lcr/method/host_options.h"

namespace {

/// The queue of the other experiments, which follows --queue-size, then those of `values`.
std::vector<lcr::ExperimentRow> rows(const lcr::Options& options) {
  const auto usual = std::to_string(options.get<lcr::MomentumContrastOptions>().queue_size);
  std::vector<std::string> sizes = {usual};
  const std::string& values = options.get<lcr::SelectionOptions>().values;
  for (const auto& size : lcr::parse_values("queue-size", values, "4096,65536"))
    if (size != usual) sizes.push_back(size);
  std::vector<lcr::ExperimentRow> rows;
  for (const auto& size : sizes)
    for (const auto& [name, method] : {std::pair("MoCo v2", "moco_v2"), std::pair("LCR", "lcr")}) {
      rows.push_back({fmt::format("{}, queue of {}", name, size), {{"method", method}}, false});
      if (size != usual) rows.back().settings.emplace_back("queue-size", size);
    }
  return rows;
}

const lcr::RegisteredExperiment experiment({.id = "q1",
                                            .title = "Table Q1: length of the queue",
                                            .paper_datasets = {"cub200"},
                                            .rows = rows});

}  // namespace
