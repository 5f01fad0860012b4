// lcr-plot: turns results CSVs into the paper's tables and figures, ours next to the published
// values, and into the report.
#include <algorithm>

#include <fmt/core.h>

#include "lcr/base/arguments.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/text.h"
#include "plots/compare.h"
#include "plots/figure.h"
#include "plots/report.h"
#include "plots/results.h"
#include "plots/spec.h"
#include "plots/table.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

struct Folders {
  fs::path results, paper, specs;
};

void write_table(const PlotSpec& spec, const Folders& folders, bool print) {
  const Table table =
      make_table(spec, Results(folders.results, spec.id), read_published(folders.paper, spec.id));
  const auto folder = folders.results / "tables";
  require_writable_directory(folder);
  const std::string markdown = to_markdown(table);
  write_atomic(folder / (spec.id + ".md"), markdown);
  write_atomic(folder / (spec.id + ".tex"), to_latex(table));
  write_atomic(folder / (spec.id + ".csv"), to_csv(table));
  if (print) fmt::print("{}\nwritten: {}/{}.md, .tex, .csv\n", markdown, folder.string(), spec.id);
}

void write_figure(const PlotSpec& spec, const Folders& folders) {
  const auto folder = folders.results / "figures";
  draw_figure(spec, Results(folders.results, spec.id), read_published(folders.paper, spec.id),
              folder);
  fmt::print("written: {}/{}.svg, .png\n", folder.string(), spec.id);
}

/// Writes the tables and figures of all results present, then the report.
void write_report(const std::vector<PlotSpec>& specs, const Folders& folders) {
  std::string no_figures;
  for (const auto& spec : specs) {
    if (!fs::exists(folders.results / (spec.id + ".csv"))) continue;
    if (!spec.blocks.empty()) write_table(spec, folders, false);
    if (spec.figure.kind.empty()) continue;
    try {
      write_figure(spec, folders);
    } catch (const NothingToDraw& e) {
      fmt::print("not drawn: {}\n", e.what());
    } catch (const UserError& e) {
      no_figures = e.what();  // tables and report are written all the same
    }
  }
  const fs::path report = folders.results / "report.html";
  const fs::path preset = suite_home() / "presets" / (folders.results.filename().string() + ".ini");
  write_atomic(report, make_report(specs, folders.results, folders.paper, preset));
  fmt::print("written: {}\n", report.string());
  if (!no_figures.empty()) fail("{}", no_figures);
}

void print_help(const po::options_description& description, const std::vector<std::string>& ids) {
  fmt::print(
      "lcr-plot: measured values next to the paper's\n\n"
      "Usage:\n"
      "  lcr-plot table ID         prints the table and writes DIR/tables/ID.md, .tex and .csv\n"
      "  lcr-plot figure ID        writes DIR/figures/ID.svg and .png\n"
      "  lcr-plot report           writes all of them and DIR/report.html\n"
      "  lcr-plot compare DIR DIR  prints the differences of two folders of results, seed by "
      "seed\n"
      "  lcr-plot curves RUN...    draws losses and scores of runs (directories of the store) by "
      "epoch\n"
      "DIR is the folder of --results. ID: {}\n\n{}",
      join(ids, ", "), list_options(description));
}

/// Makes the table or figure (`what`) of one experiment.
void make_one(const std::string& what, const std::string& id, const std::vector<PlotSpec>& known,
              const Folders& folders) {
  std::vector<std::string> ids;
  for (const auto& spec : known) {
    ids.push_back(spec.id);
    if (id != spec.id) continue;
    const bool absent = what == "table" ? spec.blocks.empty() : spec.figure.kind.empty();
    if (absent) fail("command line: {} has no {}", id, what);
    if (what == "table")
      write_table(spec, folders, true);
    else
      write_figure(spec, folders);
    return;
  }
  fail("command line: no {} '{}'; choose one of: {}", what, id, join(ids, ", "));
}

int run(int argc, char** argv) {
  std::string what, results = "results/quick", output = "curves.html";
  std::string paper = (suite_home() / "results" / "paper").string();
  std::string specs = (suite_home() / "plots" / "specs").string();
  std::vector<std::string> names;
  po::options_description description("Options");
  auto add = description.add_options();
  add("results", po::value(&results), "folder with the experiments' CSVs [results/quick]");
  add("paper", po::value(&paper), "folder with the published values [the suite's]");
  add("specs", po::value(&specs), "folder with the plot specifications [the suite's]");
  add("output", po::value(&output), "curves: the page to write [curves.html]");
  add("help", "print this help");
  const auto values = parse_arguments(
      argc, argv, description, {{"what", po::value(&what)}, {"names", po::value(&names), -1}});
  const Folders folders{results, paper, specs};
  const auto known = read_plot_specs(folders.specs);
  std::vector<std::string> ids;
  for (const auto& spec : known) ids.push_back(spec.id);
  if (values.contains("help")) {
    print_help(description, ids);
    return kDone;
  }
  if (what == "compare") {
    if (names.size() != 2) fail("command line: compare needs two folders of results");
    fmt::print("{}", compare_results(known, names[0], names[1]));
    return kDone;
  }
  if (what == "curves") {
    if (names.empty()) fail("command line: curves needs directories of runs");
    write_atomic(output, curves_page({names.begin(), names.end()}));
    fmt::print("written: {}\n", output);
    return kDone;
  }
  if (names.size() > 1) fail("command line: '{}' is one too many", names[1]);
  const std::string id = names.empty() ? "" : names.front();
  if (what == "report") {
    if (!id.empty()) fail("command line: report covers all experiments: leave out '{}'", id);
    write_report(known, folders);
    return kDone;
  }
  if (what != "table" && what != "figure")
    fail("command line: say what to make: lcr-plot table ID, figure ID, report, compare or curves");
  make_one(what, id, known, folders);
  return kDone;
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  return lcr::run_main("lcr-plot", [&] { return lcr::run(argc, argv); });
}
