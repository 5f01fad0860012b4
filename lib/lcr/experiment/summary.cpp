#include "lcr/experiment/summary.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/core.h>

#include "lcr/base/statistics.h"
#include "lcr/data/dataset_options.h"
#include "lcr/method/method_spec.h"

namespace lcr {

void print_summary(const Experiment& experiment, const std::vector<Cell>& cells,
                   const RunStore& store) {
  fmt::print("\n{}\n", experiment.title);
  const auto is_paper = [&](const Cell& cell) {
    return std::find(experiment.paper_datasets.begin(), experiment.paper_datasets.end(),
                     cell.facts->name) != experiment.paper_datasets.end();
  };
  std::set<const DataFacts*> listed;
  for (const auto& cell : cells)
    if (cell.experiment == &experiment && listed.insert(cell.facts).second)
      fmt::print(
          "Data: {}{}: {} training images, {} test images\n", cell.facts->title,
          is_paper(cell) ? "" : " (standing in for " + experiment.paper_datasets.front() + ")",
          cell.facts->training_images, cell.facts->test_images);
  fmt::print("Retrieval after the last epoch, each method with its own pooling, mean +- sd\n\n");
  fmt::print("{:<32} {:>2}  {:>14} {:>14} {:>14}  {:<9} {:>9}\n", "", "n", "rank-1 %", "rank-5 %",
             "mAP %", "pooling", "samples/s");
  std::set<std::string> printed;
  for (const auto& first : cells) {
    // One line per row and data set.
    const std::string title =
        first.row.name +
        (listed.size() > 1 ? ", " + first.options.get<DatasetOptions>().dataset : "");
    if (first.experiment != &experiment || !printed.insert(title).second) continue;
    std::map<std::string, std::vector<double>> values;
    std::vector<double> speeds;
    const std::string pooling = method_of(first.options).judged_by;
    for (const auto& cell : cells) {
      if (cell.experiment != &experiment || cell.row.name != first.row.name ||
          cell.options.get<DatasetOptions>().dataset != first.options.get<DatasetOptions>().dataset)
        continue;
      const auto result = store.find(cell.identity);
      if (!result) continue;  // --rows did not select it
      for (const auto& m : result->measurements)
        if (m.selection == "last" && m.pooling == pooling) values[m.metric].push_back(m.value);
      if (result->samples_per_second > 0) speeds.push_back(result->samples_per_second);
    }
    const auto cell_text = [&](const char* metric) {
      const auto& v = values[metric];
      if (v.empty()) return std::string("not run");
      return v.size() > 1 ? fmt::format("{:.2f} +- {:.2f}", mean(v), standard_deviation(v))
                          : fmt::format("{:.2f}", mean(v));
    };
    fmt::print("{:<32} {:>2}  {:>14} {:>14} {:>14}  {:<9} {:>9}\n", title, values["rank1"].size(),
               cell_text("rank1"), cell_text("rank5"), cell_text("mean_average_precision"), pooling,
               speeds.empty() ? "-" : fmt::format("{:.1f}", mean(speeds)));
  }
}

}  // namespace lcr
