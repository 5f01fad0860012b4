#include "plots/results.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/core.h>

#include "lcr/base/csv.h"
#include "lcr/base/error.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"
#include "lcr/config/options.h"
#include "lcr/method/method_spec.h"

namespace lcr {
namespace {

const std::string& cell(const ResultRow& row, const char* column) {
  return row[result_column(column)];
}

/// Whether the options have all that is wanted, and nothing else that makes other numbers.
bool options_match(const std::string& options, const std::vector<std::string>& wanted) {
  const auto have = split(options, ';');
  const auto has = [](const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
  };
  for (const auto& text : wanted)
    if (!has(have, text)) return false;
  for (const auto& text : have)
    if (makes_other_numbers(text) && !has(wanted, text)) return false;
  return true;
}

/// The paper's value for a cell; adds its source to `sources`.
std::optional<double> published_value(const std::vector<PublishedValue>& published,
                                      const std::string& row, const std::string& dataset,
                                      const ColumnSpec& column, std::set<std::string>& sources) {
  for (const auto& value : published) {
    if (value.row != row || value.dataset != dataset || value.metric != column.published ||
        value.value.empty())
      continue;
    sources.insert(value.source);
    return parse_number(value.value);
  }
  return std::nullopt;
}

/// The paper's data sets, each with ours: the same one if it was run, else a stand-in as long as
/// there are any, else "".
std::vector<std::pair<std::string, std::string>> pair_datasets(
    const std::vector<std::string>& papers, std::vector<std::string> ours) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& paper : papers) {
    const auto own = std::find(ours.begin(), ours.end(), paper);
    pairs.emplace_back(paper, own == ours.end() ? "" : paper);
    if (own != ours.end()) ours.erase(own);
  }
  for (auto& [paper, dataset] : pairs)
    if (dataset.empty() && !ours.empty()) {
      dataset = ours.front();
      ours.erase(ours.begin());
    }
  return pairs;
}

/// The data set in a block's title.
std::string dataset_note(const std::string& paper, const std::string& dataset,
                         const std::string& part) {
  if (dataset.empty()) return fmt::format("; {} (not run)", paper);
  if (!part.empty()) return fmt::format("; part of {} ({})", dataset, part);
  if (dataset == paper) return "; " + paper;
  return fmt::format("; {} standing in for {}", dataset, paper);
}

/// Whether a cell shows its column's second choice of metric, a probe on cached features.
bool shows_cached_probe(const Results& results, const std::string& row, const std::string& dataset,
                        const BlockSpec& block, const ColumnSpec& column, const TableCell& cell) {
  if (cell.ours.empty() || column.metrics.size() < 2 || !column.metrics[1].starts_with("cached"))
    return false;
  ColumnSpec first_choice = column;
  first_choice.metrics.resize(1);
  return results.values(row, dataset, block, first_choice).empty();
}

/// Published rows that were not run here: other values of a sweep, attempts of the paper's readers.
std::vector<std::string> published_only(const std::vector<PublishedValue>& published,
                                        const std::string& dataset,
                                        const std::vector<std::string>& run) {
  std::vector<std::string> names;
  for (const auto& value : published)
    if (value.dataset == dataset && std::find(run.begin(), run.end(), value.row) == run.end() &&
        std::find(names.begin(), names.end(), value.row) == names.end())
      names.push_back(value.row);
  return names;
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
  if (std::filesystem::exists(configs_file(folder, id)))
    configs_ = read_configs(configs_file(folder, id));
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
      fail("{}: {} of row '{}', seed {}, {} occurs twice", path_.string(), cell(row, "metric"),
           cell(row, "row"), cell(row, "seed"), cell(row, "selection"));
    // Rows differ by the options they vary; within a row all seeds need one configuration.
    const std::string trained = cell(row, "row") + "\n" + cell(row, "dataset") + "\n" +
                                option_in(cell(row, "options"), "subset-seed").value_or("");
    const auto [entry, is_new] = configuration.emplace(trained, cell(row, "config_hash"));
    if (!is_new && entry->second != cell(row, "config_hash"))
      fail(
          "{}: row '{}' mixes two configurations ({} and {}); regenerate the file with the "
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

std::string Results::part_of(const std::string& dataset) const {
  std::set<std::string> restrictions;
  for (const auto& row : rows_) {
    const auto config = configs_.find(cell(row, "config_hash"));
    if (cell(row, "dataset") != dataset || config == configs_.end()) continue;
    for (const auto& line : split(config->second, '\n'))
      for (const char* option : {"classes=", "limit-train=", "limit-test="})
        if (line.starts_with(option)) restrictions.insert(line);
  }
  return join({restrictions.begin(), restrictions.end()}, ", ");
}

std::string Results::pooling_of(const std::string& name, const std::string& dataset) const {
  for (const auto& row : rows_)
    if (cell(row, "row") == name && cell(row, "dataset") == dataset)
      // Files of older schemas do not say it.
      return cell(row, "judged_by").empty() ? find_method(cell(row, "method")).judged_by
                                            : cell(row, "judged_by");
  return "";
}

Results::RunValues Results::values_by_run(const std::string& name, const std::string& dataset,
                                          const BlockSpec& block, const ColumnSpec& column,
                                          const std::string& selection) const {
  const std::string pooling = column.pooling == "own" ? pooling_of(name, dataset) : column.pooling;
  std::vector<std::string> wanted = block.options;
  wanted.insert(wanted.end(), column.options.begin(), column.options.end());
  for (const auto& metric : column.metrics) {
    RunValues values;
    std::map<std::string, std::string> measured;  // options by run
    for (const auto& row : rows_) {
      if (cell(row, "row") != name || cell(row, "dataset") != dataset ||
          cell(row, "selection") != selection || cell(row, "pooling") != pooling ||
          cell(row, "metric") != metric)
        continue;
      if (!options_match(cell(row, "options"), wanted)) continue;
      const std::string& run = cell(row, "run_hash");
      if (!measured.emplace(run, cell(row, "options")).second)
        fail(
            "{}: {} of row '{}' was measured with several settings ('{}', '{}'): select one in the "
            "plot specification",
            path_.string(), metric, name, measured.at(run), cell(row, "options"));
      values.push_back({run, *parse_integer(cell(row, "seed")), *parse_number(cell(row, "value"))});
    }
    if (!values.empty()) return values;
  }
  return {};
}

std::vector<double> Results::values(const std::string& name, const std::string& dataset,
                                    const BlockSpec& block, const ColumnSpec& column) const {
  RunValues subtracted;
  if (!block.minus.empty()) subtracted = values_by_run(name, dataset, block, column, block.minus);
  std::vector<double> values;
  for (const auto& own : values_by_run(name, dataset, block, column, block.selection)) {
    if (block.minus.empty()) {
      values.push_back(own.value);
      continue;
    }
    for (const auto& other : subtracted)
      if (other.run == own.run) values.push_back(own.value - other.value);
  }
  return values;
}

std::vector<double> Results::differences(const std::string& name, const std::string& baseline,
                                         const std::string& dataset, const BlockSpec& block,
                                         const ColumnSpec& column) const {
  const auto by_seed = [&](const std::string& row) {
    SeedValues values;
    for (const auto& own : values_by_run(row, dataset, block, column, block.selection))
      values[own.seed].push_back(own.value);
    return values;
  };
  return pair_by_seed(by_seed(name), by_seed(baseline)).differences;
}

std::vector<PublishedValue> read_published(const std::filesystem::path& folder,
                                           const std::string& id) {
  std::vector<PublishedValue> values;
  const auto path = folder / (id + ".csv");
  if (!std::filesystem::exists(path)) return values;
  for (auto& row : read_csv<5>(path, {"row", "dataset", "metric", "value", "source"})) {
    if (!row[3].empty() && !parse_number(row[3]))
      fail("{}: {} of '{}': '{}' is not a number", path.string(), printable(row[2]),
           printable(row[0]), printable(row[3]));
    values.push_back({row[0], row[1], row[2], row[3], row[4]});
  }
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
                       : fmt::format("Data: {}, a STAND-IN for the paper's {}; the paper's "
                                     "values are from other data and shown for orientation only.",
                                     join(ours, ", "), spec.paper_datasets.front()));
  for (const auto& name : ours)
    if (const std::string part = results.part_of(name); !part.empty())
      notes.push_back(fmt::format(
          "Of {} a PART was used ({}){}.", name, part,
          same ? "; the paper's values are from all of it and shown for orientation only" : ""));
  notes.emplace_back("n: runs (seeds); ± is the standard deviation over them.");
  notes.insert(notes.end(), spec.notes.begin(), spec.notes.end());
  const auto init = results.distinct("init");
  const bool stand_in = std::any_of(init.begin(), init.end(), [](const std::string& text) {
    return text.starts_with("stand-in");
  });
  const char* explanation = stand_in ? " The stand-in for ImageNet's weights is a supervised run "
                                       "on disjoint SynthBirds classes."
                                     : "";
  notes.push_back(fmt::format("Initial weights: {}.{}", join(init, ", "), explanation));
  notes.push_back(fmt::format(
      "Measured on {}, LibTorch {}, {}, commit {}.", join(results.distinct("device"), ", "),
      join(results.distinct("libtorch"), ", "), join(results.distinct("precision"), ", "),
      join(results.distinct("commit"), ", ")));
  const auto resumed = results.distinct("resume");
  if (std::find(resumed.begin(), resumed.end(), "inexact") != resumed.end())
    notes.push_back(
        "Some runs, or the runs that trained their initial weights, resumed from a checkpoint "
        "under conditions (threads, CPU features, libraries or device) other than those they "
        "started with: the column 'resume' of the results marks them.");
  return notes;
}

Table make_table(const PlotSpec& spec, const Results& results,
                 const std::vector<PublishedValue>& published) {
  Table table{.title = spec.title, .notes = provenance_notes(spec, results)};
  const auto names = results.distinct("row");
  const auto pairs = pair_datasets(spec.paper_datasets, results.distinct("dataset"));
  std::set<std::string> sources;
  bool cached = false;
  for (const auto& block : spec.blocks)
    for (const auto& [paper, dataset] : pairs) {
      TableBlock out{.title = block.title,
                     .dataset = dataset,
                     .paper_dataset = paper,
                     .part = results.part_of(dataset),
                     .test_selected = block.selection.starts_with("best"),
                     .differences = !block.minus.empty(),
                     .decimals = block.decimals};
      if (spec.paper_datasets.size() > 1) out.title += dataset_note(paper, dataset, out.part);
      const bool names_pooling =
          std::any_of(block.columns.begin(), block.columns.end(),
                      [](const ColumnSpec& column) { return column.pooling == "own"; });
      for (const auto& column : block.columns) out.headings.push_back(column.heading);
      const bool is_first = &block == &spec.blocks.front();
      for (const auto& name : names) {
        TableRow line{name, names_pooling ? results.pooling_of(name, dataset) : "", {}};
        bool any = false;
        for (const auto& column : block.columns) {
          TableCell cell{results.values(name, dataset, block, column),
                         block.minus.empty()
                             ? published_value(published, name, paper, column, sources)
                             : std::nullopt};
          cached = cached || shows_cached_probe(results, name, dataset, block, column, cell);
          any = any || !cell.ours.empty() || (is_first && cell.paper);
          line.cells.push_back(std::move(cell));
        }
        // A block leaves out rows without any value: controls have no best epoch, and not every row
        // has every map. The first one shows what the paper has.
        if (any || dataset.empty()) out.rows.push_back(std::move(line));
      }
      for (const auto& name : published_only(published, paper, names)) {
        TableRow line{name, "", {}};
        bool any = false;
        for (const auto& column : block.columns) {
          line.cells.push_back({{}, published_value(published, name, paper, column, sources)});
          any = any || line.cells.back().paper;
        }
        if (any && is_first) out.rows.push_back(std::move(line));
      }
      if (!out.rows.empty()) table.blocks.push_back(std::move(out));
    }
  if (cached)
    table.notes.emplace_back(
        "Linear probe on features extracted once, without augmentation (probe = cached): not the "
        "authors' protocol, which draws new crops and flips in every epoch.");
  if (!sources.empty())
    table.notes.push_back(fmt::format("Paper: {}.", join({sources.begin(), sources.end()}, "; ")));
  return table;
}

}  // namespace lcr
