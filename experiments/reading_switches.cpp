// Figure S1, beyond the paper: which of the differences between Algorithm A1 and the authors' code
// matter? Each row reads one switch as the code does, and all others as the algorithm.
#include <algorithm>

#include <fmt/core.h>

#include "experiments/literal_readings.h"
#include "lcr/config/lists.h"
#include "lcr/experiment/control_options.h"
#include "lcr/method/lcr_options.h"

namespace {

/// The switches of the authors' code, by option.
lcr::Settings authors_switches() {
  const lcr::LcrSwitches& code = lcr::authors_switches();
  return {{"cam-source", code.cam_source},        {"kl-axis", code.kl_axis},
          {"tau", fmt::format("{}", code.tau)},   {"cam-scale", code.cam_scale},
          {"mask-norm", code.mask_norm},          {"detach-target", code.detach_target},
          {"gfb-bn-updates", code.gfb_bn_updates}};
}

std::vector<lcr::ExperimentRow> rows(const lcr::Options& options) {
  const lcr::Settings algorithm = {{"method", "lcr"}, {"variant", "algorithm_a1_rescaled"}};
  std::vector<lcr::ExperimentRow> rows = {{"LCR (A1 rescaled)", algorithm}};
  std::vector<std::string> names;
  const lcr::Settings switches = authors_switches();
  for (const auto& [name, value] : switches) names.push_back(name);
  const std::string& values = options.get<lcr::SelectionOptions>().values;
  const auto chosen = values.empty() ? names : lcr::parse_names("values", values, names);
  for (const auto& [name, value] : switches) {
    if (std::find(chosen.begin(), chosen.end(), name) == chosen.end()) continue;
    rows.push_back({name + " = " + value, algorithm});
    rows.back().settings.emplace_back(name, value);
  }
  rows.push_back({"LCR (authors' code)", lcr::literal_reading("authors_code", "1")});
  return rows;
}

const lcr::RegisteredExperiment experiment(
    {.id = "s1",
     .title = "Figure S1: from Algorithm A1 to the authors' code, one switch at a time",
     .paper_datasets = {"cub200"},
     .rows = rows});

}  // namespace
