#include "plots/compare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/core.h>

#include "lcr/base/csv.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"
#include "plots/chart.h"
#include "plots/results.h"
#include "plots/style.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

struct Side {
  SeedValues by_seed;
  std::string config;
};

/// By what was measured, in the file's order.
std::vector<std::pair<std::string, Side>> last_epoch(const Results& results) {
  std::vector<std::pair<std::string, Side>> sides;
  for (const auto& row : results.rows()) {
    const auto cell = [&](const char* column) -> const std::string& {
      return row[result_column(column)];
    };
    if (cell("selection") != "last") continue;
    std::string what = fmt::format("{} ({}), {} {}", cell("row"), cell("dataset"), cell("pooling"),
                                   cell("metric"));
    for (const auto& option : split(cell("options"), ';'))
      if (option.starts_with("label-share=") || makes_other_numbers(option)) what += ", " + option;
    auto found = std::find_if(sides.begin(), sides.end(),
                              [&](const auto& side) { return side.first == what; });
    if (found == sides.end()) found = sides.insert(sides.end(), {what, {}});
    found->second.by_seed[*parse_integer(cell("seed"))].push_back(*parse_number(cell("value")));
    found->second.config = cell("config_hash");
  }
  return sides;
}

}  // namespace

std::string compare_results(const std::vector<PlotSpec>& specs, const fs::path& a,
                            const fs::path& b) {
  std::string out;
  bool shared = false;
  for (const auto& spec : specs) {
    const std::string file = spec.id + ".csv";
    if (!fs::exists(a / file) || !fs::exists(b / file)) continue;
    shared = true;
    out += fmt::format("\n{}\n{:<72} {:>9} {:>9} {:>9}  {:<20} {:>3} {:>9}\n", spec.title, "", "A",
                       "B", "B - A", "95 % interval", "n", "p");
    const auto second = last_epoch(Results(b, spec.id));
    for (const auto& [what, side] : last_epoch(Results(a, spec.id))) {
      const auto found = std::find_if(second.begin(), second.end(),
                                      [&, name = what](const auto& s) { return s.first == name; });
      if (found == second.end()) continue;
      const SeedPairs pairs = pair_by_seed(found->second.by_seed, side.by_seed);
      if (pairs.differences.empty()) continue;
      const Interval interval = paired_interval(pairs.differences);
      const double p = paired_p_greater(pairs.differences);
      out += fmt::format(
          "{:<72} {:>9.3f} {:>9.3f} {:>+9.3f}  {:<20} {:>3} {:>9}{}\n", what, mean(pairs.second),
          mean(pairs.first), mean(pairs.differences),
          std::isnan(p) ? "-" : fmt::format("{:+.3f} to {:+.3f}", interval.low, interval.high),
          pairs.differences.size(),
          std::isnan(p) ? "-" : fmt::format("{:.2g}", 2 * std::min(p, 1 - p)),
          side.config == found->second.config ? "" : "  other configuration");
    }
  }
  if (!shared)
    fail("{} and {}: have no results of one experiment in common", a.string(), b.string());
  return out.substr(1) +
         "\nOver the seeds that both have, last epoch. p: two-sided paired t-test, not adjusted.\n";
}

std::string curves_page(const std::vector<fs::path>& runs) {
  const std::vector<std::pair<std::string, std::string>> wanted = {
      {"loss", "Loss"},
      {"contrastive", "Loss of the host"},
      {"kl", "KL loss, without its weight"},
      {"rank1_average", "Rank-1 (%), average pooling"},
      {"rank1_attention", "Rank-1 (%), attention pooling"},
      {"rank1_bilinear", "Rank-1 (%), bilinear pooling"}};
  std::map<std::string, std::vector<Chart>> charts;
  for (const auto& given : runs) {
    const fs::path run = given.has_filename() ? given : given.parent_path();
    const fs::path file = run / "epochs.csv";
    if (!fs::exists(file)) fail("{}: is not a run with epochs (no epochs.csv)", run.string());
    const std::string text = read_text(file, 64 << 20);
    const auto columns = split(text.substr(0, text.find('\n')), ',');
    for (const auto& [column, title] : wanted) {
      if (std::find(columns.begin(), columns.end(), column) == columns.end()) continue;
      Chart chart{.title = run.filename().string(), .lines = {{}}};
      for (const auto& line : read_csv<2>(file, {"epoch", column.c_str()})) {
        if (line[1].empty()) continue;
        const auto epoch = parse_number(line[0]), value = parse_number(line[1]);
        if (!epoch || !value) fail("{}: damaged: '{}' is not a number", file.string(), line[1]);
        chart.lines.front().points.emplace_back(*epoch, *value);
      }
      charts[column].push_back(std::move(chart));
    }
  }
  std::string html = page_head("LCR Suite: curves") + "<h1>Training curves</h1>\n";
  for (const auto& [column, title] : wanted)
    if (charts.contains(column))
      html += "<h2>" + title + "</h2>\n" + small_multiples(charts[column], "epochs");
  return html + "</body></html>\n";
}

}  // namespace lcr
