#include "plots/spec.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

using Json = nlohmann::json;

std::string default_heading(const std::string& metric) {
  if (metric == "rank1") return "rank-1 %";
  if (metric == "rank5") return "rank-5 %";
  if (metric == "mean_average_precision") return "mAP %";
  return metric;
}

/// Refuses unknown keys: a misspelt one would be silently ignored.
void check_keys(const Json& json, const std::set<std::string>& known, const std::string& where) {
  for (const auto& [key, value] : json.items())
    if (!known.contains(key))
      fail("{}: unknown key '{}'; known keys: {}", where, key,
           join({known.begin(), known.end()}, ", "));
}

ColumnSpec read_column(const Json& json, const std::string& where) {
  ColumnSpec column{.pooling = "own"};
  if (json.is_string()) {
    column.metrics = {json.get<std::string>()};
  } else {
    check_keys(json, {"heading", "metric", "pooling", "options", "published"}, where);
    const Json& metric = json.at("metric");
    column.metrics = metric.is_array() ? metric.get<std::vector<std::string>>()
                                       : std::vector<std::string>{metric.get<std::string>()};
    column.heading = json.value("heading", "");
    column.pooling = json.value("pooling", "own");
    column.options = json.value("options", std::vector<std::string>{});
    column.published = json.value("published", "");
  }
  if (column.metrics.empty()) fail("{}: a column without a metric", where);
  if (column.heading.empty()) column.heading = default_heading(column.metrics.front());
  if (column.published.empty()) column.published = column.metrics.front();
  return column;
}

}  // namespace

PlotSpec read_plot_spec(const std::filesystem::path& path) {
  const std::string where = path.string();
  try {
    const Json json = Json::parse(read_text(path, 1 << 20));
    check_keys(json, {"title", "paper_datasets", "blocks", "figure", "notes"}, where);
    PlotSpec spec{.id = path.stem().string(),
                  .title = json.at("title"),
                  .paper_datasets = json.at("paper_datasets"),
                  .notes = json.value("notes", std::vector<std::string>{})};
    if (spec.paper_datasets.empty()) fail("{}: paper_datasets is empty", where);
    for (const auto& block : json.value("blocks", Json::array())) {
      check_keys(block, {"title", "selection", "minus", "options", "decimals", "columns"}, where);
      BlockSpec read{.title = block.at("title"),
                     .selection = block.value("selection", "last"),
                     .minus = block.value("minus", ""),
                     .options = block.value("options", std::vector<std::string>{}),
                     .decimals = block.value("decimals", 2)};
      if (read.decimals < 0 || read.decimals > 6)
        fail("{}: decimals is {}, not 0 to 6", where, read.decimals);
      for (const auto& column : block.at("columns"))
        read.columns.push_back(read_column(column, where));
      spec.blocks.push_back(std::move(read));
    }
    if (json.contains("figure")) {
      const Json& figure = json.at("figure");
      check_keys(figure,
                 {"kind", "x", "x_label", "log2", "metric", "y_label", "baseline", "caption"},
                 where);
      spec.figure = {.kind = figure.at("kind"),
                     .x = figure.value("x", ""),
                     .x_label = figure.value("x_label", ""),
                     .log2 = figure.value("log2", false),
                     .metric = figure.value("metric", "rank1"),
                     .y_label = figure.value("y_label", "rank-1 (%)"),
                     .baseline = figure.value("baseline", ""),
                     .caption = figure.value("caption", "")};
      const std::vector<std::string> kinds = {"sweep", "curves", "differences", "panel"};
      if (std::find(kinds.begin(), kinds.end(), spec.figure.kind) == kinds.end())
        fail("{}: figure kind '{}' is not one of {}", where, spec.figure.kind, join(kinds, ", "));
      if (spec.figure.kind == "sweep" && spec.figure.x.empty())
        fail("{}: a sweep needs x, the option that it varies", where);
      if (spec.figure.kind == "differences" && spec.figure.baseline.empty())
        fail("{}: differences need a baseline, the row that is subtracted", where);
    }
    if (spec.blocks.empty() && spec.figure.kind.empty())
      fail("{}: has neither table blocks nor a figure", where);
    return spec;
  } catch (const Json::exception& e) {
    fail("{}: {}", where, e.what());
  }
}

std::vector<PlotSpec> read_plot_specs(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  if (paths.empty()) fail("{}: holds no plot specifications (*.json)", folder.string());
  std::sort(paths.begin(), paths.end());
  std::vector<PlotSpec> specs;
  for (const auto& path : paths) specs.push_back(read_plot_spec(path));
  return specs;
}

}  // namespace lcr
