// lcr-plot: from results CSVs to the paper's tables, ours beside the published values.
#include <boost/program_options.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "lcr/base/csv.h"
#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/data/datasets.h"
#include "lcr/record/options.h"
#include "lcr/record/results_csv.h"
#include "table.h"

namespace lcr {
namespace {

struct TableSpec {
  const char* id;
  const char* title;
  const char* paper_dataset;
};

constexpr TableSpec kTables[] = {{"c1", "Table C1: retrieval on a non-fine-grained data set", "cifar100"}};

constexpr std::pair<const char*, const char*> kMetrics[] = {{"rank1", "rank-1 %"}, {"rank5", "rank-5 %"}, {"mean_average_precision", "mAP %"}};

constexpr std::pair<const char*, const char*> kSelections[] = {
    {"last", "After the last epoch"}, {"best_each", "Each metric at its own best epoch (selected on the test split, as the authors print)"}};

Table make_table(const TableSpec& spec, const std::filesystem::path& results, const std::filesystem::path& paper) {
  const auto rows = read_results(results / (std::string(spec.id) + ".csv"));
  if (rows.empty()) fail("{}: has no rows", (results / (std::string(spec.id) + ".csv")).string());
  const auto paper_path = paper / ("table_" + std::string(spec.id) + ".csv");
  const auto published = read_csv<4>(paper_path, {"row", "metric", "value", "source"});

  Table table;
  table.title = spec.title;
  table.paper_dataset = spec.paper_dataset;
  for (const auto& [metric, heading] : kMetrics) table.metrics.emplace_back(heading);
  std::vector<std::string> names;
  std::set<std::string> datasets, devices, commits, versions;
  for (const auto& row : rows) {
    if (std::find(names.begin(), names.end(), row[result_column("row")]) == names.end()) names.push_back(row[result_column("row")]);
    datasets.insert(row[result_column("dataset")]);
    devices.insert(row[result_column("device")]);
    commits.insert(row[result_column("commit")]);
    versions.insert(row[result_column("libtorch")]);
  }
  const std::vector<std::string> dataset_names(datasets.begin(), datasets.end());
  table.dataset = join(dataset_names, ", ");
  table.comparable = dataset_names == std::vector<std::string>{spec.paper_dataset};
  table.notes.push_back(table.comparable ? fmt::format("Data: {}.", spec.paper_dataset)
                                         : fmt::format("Data: {}, STANDING IN for the paper's {}; the paper's values are of another data set and shown for orientation only.",
                                                       join(dataset_names, ", "), spec.paper_dataset));
  table.notes.push_back("n: seeds; ± is the standard deviation over them. Raw pixels and the untrained network are controls of this suite, not of the paper.");
  table.notes.push_back(fmt::format("Measured on {}, LibTorch {}, commit {}.", join({devices.begin(), devices.end()}, ", "), join({versions.begin(), versions.end()}, ", "),
                                    join({commits.begin(), commits.end()}, ", ")));
  std::set<std::string> sources;
  for (const auto& [selection, block_title] : kSelections) {
    TableBlock block{block_title, {}};
    for (const auto& name : names) {
      TableRow line{name, "", {}};
      for (const auto& row : rows)
        if (row[result_column("row")] == name) line.pooling = own_pooling(row[result_column("method")]);
      for (const auto& [metric, heading] : kMetrics) {
        TableCell cell;
        for (const auto& row : rows) {
          if (row[result_column("row")] != name || row[result_column("selection")] != selection || row[result_column("pooling")] != line.pooling || row[result_column("metric")] != metric) continue;
          const auto value = parse_number(row[result_column("value")]);
          if (!value) fail("{}: value '{}' of row {} is no number", results.string(), row[result_column("value")], name);
          cell.ours.push_back(*value);
        }
        for (const auto& entry : published)
          if (entry[0] == name && entry[1] == metric && !entry[2].empty()) {
            cell.paper = parse_number(entry[2]);
            if (!cell.paper) fail("{}: value '{}' is no number", paper_path.string(), entry[2]);
            sources.insert(entry[3]);
          }
        line.cells.push_back(std::move(cell));
      }
      // The controls are not trained: they have no best epoch.
      if (!line.cells.front().ours.empty()) block.rows.push_back(std::move(line));
    }
    if (!block.rows.empty()) table.blocks.push_back(std::move(block));
  }
  table.notes.push_back(fmt::format("Paper: {}.", join({sources.begin(), sources.end()}, "; ")));
  return table;
}

int run(int argc, char** argv) {
  namespace po = boost::program_options;
  std::string what, id, results, paper;
  po::options_description description("Options");
  description.add_options()("help", "print this help")("results", po::value(&results)->default_value("results/quick"), "folder with the experiments' CSVs")(
      "paper", po::value(&paper)->default_value((suite_home() / "results" / "paper").string()), "folder with the published values")(
      "what", po::value(&what), "table")("id", po::value(&id), "which");
  po::positional_options_description positions;
  positions.add("what", 1).add("id", 1);
  po::variables_map values;
  try {
    po::store(po::command_line_parser(argc, argv).options(description).positional(positions).run(), values);
    po::notify(values);
  } catch (const po::error& e) {
    fail("command line: {}; --help lists the options", e.what());
  }
  std::vector<std::string> ids;
  for (const auto& spec : kTables) ids.emplace_back(spec.id);
  if (values.contains("help")) {
    fmt::print("lcr-plot: tables of measured values beside the paper's\n\nUsage: lcr-plot table ID [--results DIR] [--paper DIR]\n\nID: {}\n"
               "Prints the table and writes DIR/tables/ID.md, ID.tex and ID.csv.\n",
               join(ids, ", "));
    return kDone;
  }
  if (what != "table") fail("command line: say what to make: lcr-plot table ID");
  for (const auto& spec : kTables) {
    if (id != spec.id) continue;
    const Table table = make_table(spec, results, paper);
    const auto folder = std::filesystem::path(results) / "tables";
    require_writable_directory(folder);
    const std::string markdown = to_markdown(table);
    write_atomic(folder / (id + ".md"), markdown);
    write_atomic(folder / (id + ".tex"), to_latex(table));
    write_atomic(folder / (id + ".csv"), to_csv(table));
    fmt::print("{}\nwritten: {}/{}.md, .tex, .csv\n", markdown, folder.string(), id);
    return kDone;
  }
  fail("command line: no table '{}'; there are: {}", id, join(ids, ", "));
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  return lcr::run_main("lcr-plot", [&] { return lcr::run(argc, argv); });
}
