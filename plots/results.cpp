#include "plots/results.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/core.h>

#include "lcr/base/csv.h"
#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/record/options.h"

namespace lcr {
namespace {

const std::string& cell(const ResultRow& row, const char* column) {
  return row[result_column(column)];
}

/// All that is asked for stands in the options; batch norm's statistics must be the asked ones too,
/// for they make numbers of another kind.
bool options_match(const std::string& options, const std::vector<std::string>& wanted) {
  const auto have = split(options, ';');
  const auto has = [](const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
  };
  for (const auto& text : wanted)
    if (!has(have, text)) return false;
  for (const auto& text : have)
    if (text.starts_with("bn-statistics=") && !has(wanted, text)) return false;
  return true;
}

/// What the paper has for a cell; its source is added.
std::optional<double> published_value(const std::vector<PublishedValue>& published,
                                      const std::string& row, const std::string& dataset,
                                      const ColumnSpec& column, std::set<std::string>& sources) {
  for (const auto& value : published) {
    if (value.row != row || value.dataset != dataset || value.metric != column.published ||
        value.value.empty())
      continue;
    const auto number = parse_number(value.value);
    if (!number) fail("published values: '{}' of '{}' is no number", value.value, row);
    sources.insert(value.source);
    return number;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> option_in(const std::string& options, const std::string& name) {
  for (const auto& text : split(options, ';'))
    if (text.starts_with(name + "=")) return text.substr(name.size() + 1);
  return std::nullopt;
}

Results::Results(const std::filesystem::path& folder, const std::string& id)
    : path_(folder / (id + ".csv")), rows_(read_results(path_)) {
  if (rows_.empty()) fail("{}: has no rows", path_.string());
  std::set<std::string> seen;
  std::map<std::string, std::string> configuration;
  for (const auto& row : rows_) {
    if (cell(row, "experiment") != id)
      fail("{}: a row belongs to experiment '{}'", path_.string(), cell(row, "experiment"));
    std::string key;
    for (const char* column :
         {"row", "dataset", "options", "seed", "selection", "pooling", "metric"})
      key += cell(row, column) + "\n";
    const bool curve = cell(row, "selection") == "each_epoch";
    if (!seen.insert(key + (curve ? cell(row, "epoch") : "")).second)
      fail("{}: {} of row '{}', seed {}, {} stands there twice", path_.string(),
           cell(row, "metric"), cell(row, "row"), cell(row, "seed"), cell(row, "selection"));
    // Rows are told apart by what they vary; within one, all seeds must have been trained alike.
    const auto [entry, is_new] =
        configuration.emplace(cell(row, "row") + "\n" + cell(row, "dataset") + "\n" +
                                  option_in(cell(row, "options"), "subset-seed").value_or(""),
                              cell(row, "config_hash"));
    if (!is_new && entry->second != cell(row, "config_hash"))
      fail(
          "{}: row '{}' mixes two configurations ({} and {}); make the file anew with the "
          "experiment's program",
          path_.string(), cell(row, "row"), entry->second.substr(0, 12),
          cell(row, "config_hash").substr(0, 12));
  }
}

std::vector<std::string> Results::distinct(const char* column) const {
  std::vector<std::string> values;
  for (const auto& row : rows_)
    if (std::find(values.begin(), values.end(), cell(row, column)) == values.end())
      values.push_back(cell(row, column));
  return values;
}

std::string Results::pooling_of(const std::string& name, const std::string& dataset) const {
  for (const auto& row : rows_)
    if (cell(row, "row") == name && cell(row, "dataset") == dataset)
      return own_pooling(cell(row, "method"));
  return "";
}

std::vector<double> Results::values(const std::string& name, const std::string& dataset,
                                    const BlockSpec& block, const ColumnSpec& column) const {
  const std::string pooling = column.pooling == "own" ? pooling_of(name, dataset) : column.pooling;
  std::vector<std::string> wanted = block.options;
  wanted.insert(wanted.end(), column.options.begin(), column.options.end());
  for (const auto& metric : column.metrics) {
    std::vector<double> values;
    std::map<std::string, std::string> measured;  // options by run
    for (const auto& row : rows_) {
      if (cell(row, "row") != name || cell(row, "dataset") != dataset ||
          cell(row, "selection") != block.selection || cell(row, "pooling") != pooling ||
          cell(row, "metric") != metric)
        continue;
      if (!options_match(cell(row, "options"), wanted)) continue;
      const auto value = parse_number(cell(row, "value"));
      if (!value)
        fail("{}: value '{}' of row '{}' is no number", path_.string(), cell(row, "value"), name);
      if (!measured.emplace(cell(row, "run_hash"), cell(row, "options")).second)
        fail(
            "{}: {} of row '{}' was measured with several settings ('{}', '{}'): say in the plot "
            "specification which to show",
            path_.string(), metric, name, measured.at(cell(row, "run_hash")), cell(row, "options"));
      values.push_back(*value);
    }
    if (!values.empty()) return values;
  }
  return {};
}

std::vector<PublishedValue> read_published(const std::filesystem::path& folder,
                                           const std::string& id) {
  std::vector<PublishedValue> values;
  if (!std::filesystem::exists(folder / (id + ".csv"))) return values;
  for (auto& row :
       read_csv<5>(folder / (id + ".csv"), {"row", "dataset", "metric", "value", "source"}))
    values.push_back({row[0], row[1], row[2], row[3], row[4]});
  return values;
}

std::vector<std::string> provenance_notes(const PlotSpec& spec, const Results& results) {
  std::vector<std::string> notes;
  const auto ours = results.distinct("dataset");
  const bool same = std::all_of(ours.begin(), ours.end(), [&](const std::string& name) {
    return std::find(spec.paper_datasets.begin(), spec.paper_datasets.end(), name) !=
           spec.paper_datasets.end();
  });
  notes.push_back(same ? fmt::format("Data: {}.", join(ours, ", "))
                       : fmt::format("Data: {}, a small STAND-IN for the paper's {}; the paper's "
                                     "values are of other data and shown for orientation only.",
                                     join(ours, ", "), spec.paper_datasets.front()));
  notes.emplace_back("n: runs (seeds); ± is the standard deviation over them.");
  notes.insert(notes.end(), spec.notes.begin(), spec.notes.end());
  const auto init = results.distinct("init");
  notes.push_back(
      fmt::format("Initial weights: {}.{}", join(init, ", "),
                  std::any_of(init.begin(), init.end(),
                              [](const std::string& text) { return text.starts_with("stand-in"); })
                      ? " The stand-in for ImageNet's weights is a supervised run on disjoint "
                        "SynthBirds classes."
                      : ""));
  notes.push_back(fmt::format(
      "Measured on {}, LibTorch {}, {}, commit {}.", join(results.distinct("device"), ", "),
      join(results.distinct("libtorch"), ", "), join(results.distinct("precision"), ", "),
      join(results.distinct("commit"), ", ")));
  const auto resumed = results.distinct("resume");
  if (std::find(resumed.begin(), resumed.end(), "inexact") != resumed.end())
    notes.push_back(
        "Some runs, or those that made their initial weights, went on from a checkpoint under "
        "other conditions (threads, CPU features, libraries or device) than they began with: the "
        "column 'resume' of the results says which.");
  return notes;
}

Table make_table(const PlotSpec& spec, const Results& results,
                 const std::vector<PublishedValue>& published) {
  Table table{.title = spec.title, .notes = provenance_notes(spec, results)};
  const auto names = results.distinct("row");
  auto ours = results.distinct("dataset");
  // Every data set of the paper gets its block. What stands in does so for the first that is not
  // there itself.
  std::vector<std::pair<std::string, std::string>> pairs;  // the paper's, ours
  for (const auto& paper : spec.paper_datasets) {
    const auto own = std::find(ours.begin(), ours.end(), paper);
    pairs.emplace_back(paper, own == ours.end() ? "" : paper);
    if (own != ours.end()) ours.erase(own);
  }
  for (auto& [paper, dataset] : pairs)
    if (dataset.empty() && !ours.empty()) {
      dataset = ours.front();
      ours.erase(ours.begin());
    }
  std::set<std::string> sources;
  bool cached = false;
  for (const auto& block : spec.blocks)
    for (const auto& [paper, dataset] : pairs) {
      TableBlock out{.title = block.title, .dataset = dataset, .paper_dataset = paper};
      if (spec.paper_datasets.size() > 1)
        out.title += dataset.empty()    ? fmt::format("; {} (not run)", paper)
                     : dataset == paper ? "; " + paper
                                        : fmt::format("; {} standing in for {}", dataset, paper);
      const bool names_pooling =
          std::any_of(block.columns.begin(), block.columns.end(),
                      [](const ColumnSpec& column) { return column.pooling == "own"; });
      for (const auto& column : block.columns) out.headings.push_back(column.heading);
      for (const auto& name : names) {
        TableRow line{name, names_pooling ? results.pooling_of(name, dataset) : "", {}};
        bool any = false;
        for (const auto& column : block.columns) {
          TableCell cell{results.values(name, dataset, block, column),
                         published_value(published, name, paper, column, sources)};
          cached =
              cached ||
              (!cell.ours.empty() && column.metrics.size() > 1 &&
               column.metrics[1].starts_with("cached") &&
               results
                   .values(name, dataset, block,
                           ColumnSpec{"", {column.metrics[0]}, column.pooling, column.options, ""})
                   .empty());
          any = any || !cell.ours.empty() || cell.paper;
          line.cells.push_back(std::move(cell));
        }
        // Controls have no best epoch, and not every row has every map: such rows are left out of
        // that block.
        if (any || dataset.empty()) out.rows.push_back(std::move(line));
      }
      // Published rows that were not run here: other values of a sweep, attempts of the paper's
      // readers.
      std::vector<std::string> absent;
      for (const auto& value : published)
        if (value.dataset == paper &&
            std::find(names.begin(), names.end(), value.row) == names.end() &&
            std::find(absent.begin(), absent.end(), value.row) == absent.end())
          absent.push_back(value.row);
      for (const auto& name : absent) {
        TableRow line{name, "", {}};
        bool any = false;
        for (const auto& column : block.columns) {
          line.cells.push_back({{}, published_value(published, name, paper, column, sources)});
          any = any || line.cells.back().paper;
        }
        if (any && &block == &spec.blocks.front()) out.rows.push_back(std::move(line));
      }
      if (!out.rows.empty()) table.blocks.push_back(std::move(out));
    }
  if (cached)
    table.notes.emplace_back(
        "Linear probe on features extracted once, without augmentation (probe = cached): not the "
        "authors' protocol, which draws crops and flips anew in every epoch.");
  if (!sources.empty())
    table.notes.push_back(fmt::format("Paper: {}.", join({sources.begin(), sources.end()}, "; ")));
  return table;
}

}  // namespace lcr
