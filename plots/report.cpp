#include "plots/report.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"
#include "lcr/record/claims.h"
#include "plots/answer.h"
#include "plots/chart.h"
#include "plots/figure.h"
#include "plots/results.h"
#include "plots/style.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

std::string figure_html(const PlotSpec& spec, const fs::path& results) {
  if (spec.figure.kind.empty()) return "";
  const fs::path svg = results / "figures" / (spec.id + ".svg");
  if (!fs::exists(svg)) return "<p>The figure has not been drawn.</p>\n";
  std::string html = fmt::format(
      "<div class=\"figure\"><img {} alt=\"{}\" src=\"data:image/svg+xml;base64,{}\"></div>\n",
      spec.figure.kind == "panel" ? "" : "class=\"drawn\"", escape_html(spec.title),
      to_base64(read_text(svg, 256 << 20)));
  if (!spec.figure.caption.empty()) html += "<p>" + escape_html(spec.figure.caption) + "</p>\n";
  return html;
}

/// Losses and rank-1 by epoch, a chart per row of the table: the seeds and their mean.
std::string curves_html(const Results& results) {
  std::map<std::string, std::vector<Chart>> charts;  // by metric
  std::vector<std::string> metrics;
  for (const auto& dataset : results.distinct("dataset"))
    for (const auto& name : results.distinct("row")) {
      // By metric, then run, then epoch.
      std::map<std::string, std::map<std::string, std::map<double, double>>> runs;
      for (const auto& row : results.rows()) {
        const auto cell = [&](const char* column) -> const std::string& {
          return row[result_column(column)];
        };
        if (cell("row") != name || cell("dataset") != dataset ||
            cell("selection") != "each_epoch" || cell("metric") == "rank5" ||
            cell("metric") == "mean_average_precision")
          continue;
        const auto epoch = parse_number(cell("epoch"));
        if (!epoch) fail("row '{}': a curve's epoch is not a number", name);
        runs[cell("metric")][cell("run_hash")][*epoch] = *parse_number(cell("value"));
      }
      for (const auto& [metric, by_run] : runs) {
        Chart chart{
            .title = fmt::format("{}{} (n = {})", name,
                                 results.distinct("dataset").size() > 1 ? ", " + dataset : "",
                                 by_run.size()),
            .lines = {}};
        std::map<double, std::vector<double>> by_epoch;
        for (const auto& [run, points] : by_run) {
          if (by_run.size() > 1)
            chart.lines.push_back({.points = {points.begin(), points.end()}, .thin = true});
          for (const auto& [epoch, value] : points) by_epoch[epoch].push_back(value);
        }
        ChartLine middle;
        for (const auto& [epoch, values] : by_epoch)
          middle.points.emplace_back(epoch, mean(values));
        chart.lines.push_back(std::move(middle));
        if (!charts.contains(metric)) metrics.push_back(metric);
        charts[metric].push_back(std::move(chart));
      }
    }
  static const std::map<std::string, std::string> kTitles = {
      {"rank1", "Rank-1 (%)"},
      {"contrastive_loss", "Contrastive loss"},
      {"byol_loss", "BYOL's loss"},
      {"simsiam_loss", "SimSiam's loss"},
      {"classification_loss", "Classification loss"},
      {"kl_loss", "KL loss, without its weight"}};
  std::sort(metrics.begin(), metrics.end(), [](const auto& a, const auto& b) {
    return std::pair(a != "rank1", a) < std::pair(b != "rank1", b);
  });
  std::string html;
  for (const auto& metric : metrics) {
    const auto title = kTitles.find(metric);
    html += "<p class=\"block\">" + (title == kTitles.end() ? metric : title->second) + "</p>\n" +
            small_multiples(charts[metric], "epochs");
  }
  return html;
}

/// The experiments in the order of the paper: its main table, then the supplement's sections.
std::vector<const PlotSpec*> in_order(const std::vector<PlotSpec>& specs) {
  std::vector<const PlotSpec*> order;
  for (const auto& spec : specs) order.push_back(&spec);
  std::stable_sort(order.begin(), order.end(), [](const PlotSpec* a, const PlotSpec* b) {
    return (a->id == "main") > (b->id == "main");
  });
  return order;
}

/// What the report says of the experiments, collected one after the other.
struct Collected {
  std::string body, curves, links, missing;  ///< HTML; missing: ids
  std::map<std::string, double> seconds;     ///< by run
  std::map<std::string, std::set<std::string>> facts;
  bool for_orientation = false;  ///< some data are not the paper's, or a part of them

  void add(const PlotSpec& spec, const fs::path& results, const fs::path& paper) {
    if (!fs::exists(results / (spec.id + ".csv"))) {
      missing += (missing.empty() ? "" : ", ") + spec.id;
      return;
    }
    const Results found(results, spec.id);
    body += "<h3 id=\"" + spec.id + "\">" + escape_html(spec.title) + "</h3>\n" +
            figure_html(spec, results) +
            to_html(make_table(spec, found, read_published(paper, spec.id)));
    links += fmt::format("<a href=\"#{0}\">{0}</a>", spec.id);
    if (const std::string own = curves_html(found); !own.empty())
      curves += fmt::format("<details{}><summary>{}</summary>\n{}</details>\n",
                            curves.empty() ? " open" : "", escape_html(spec.title), own);
    for (const auto& row : found.rows()) {
      seconds[row[result_column("run_hash")]] =
          parse_number(row[result_column("wall_seconds")]).value_or(0);
      for (const char* fact : {"commit", "device", "precision", "libtorch", "dataset", "seed"})
        facts[fact].insert(row[result_column(fact)]);
    }
    for (const auto& dataset : found.distinct("dataset"))
      for_orientation = for_orientation || !found.part_of(dataset).empty() ||
                        std::find(spec.paper_datasets.begin(), spec.paper_datasets.end(),
                                  dataset) == spec.paper_datasets.end();
  }
};

/// What was run, on which machines and data, with which programs and preset.
std::string provenance_html(const Collected& collected, const fs::path& preset_file) {
  double total = 0;
  for (const auto& [run, wall] : collected.seconds) total += wall;
  const auto list = [&](const char* fact) {
    const auto values = collected.facts.find(fact);
    if (values == collected.facts.end()) return std::string();
    return escape_html(join({values->second.begin(), values->second.end()}, ", "));
  };
  std::string html = fmt::format(
      "<h2 id=\"run\">What was run</h2>\n<p>{} runs, {} of computing summed over the runs, on {}. "
      "Data: {}. Seeds: {}.{}</p>\n<details><summary>Provenance and configuration</summary>\n<div "
      "class=\"scroll\"><table><tr><th class=\"text\">what</th><th class=\"text\">measured "
      "with</th></tr>\n",
      collected.seconds.size(), format_duration(total), list("device"), list("dataset"),
      list("seed"),
      collected.missing.empty()
          ? ""
          : " Experiments that were not run: " + escape_html(collected.missing) + ".");
  for (const char* fact : {"commit", "device", "libtorch", "precision"})
    html += fmt::format("<tr><td class=\"text\">{}</td><td class=\"wrap\">{}</td></tr>\n", fact,
                        list(fact));
  html += "</table></div>\n";
  if (fs::exists(preset_file))
    html += "<p>The preset as it is now; command-line options override it.</p>\n<pre>" +
            escape_html(read_text(preset_file, 1 << 20)) + "</pre>\n";
  return html + "</details>\n";
}

}  // namespace

std::string make_report(const std::vector<PlotSpec>& specs, const fs::path& results,
                        const fs::path& paper, const fs::path& preset_file) {
  Collected collected;
  for (const PlotSpec* spec : in_order(specs)) collected.add(*spec, results, paper);
  const auto& curves = collected.curves;
  if (collected.body.empty()) fail("{}: holds no results of any experiment", results.string());
  const std::string name = escape_html(results.filename().string());
  std::string html =
      page_head("LCR Suite: " + results.filename().string()) + "<h1>LCR Suite: results “" + name +
      "”</h1>\n<nav><a href=\"#answer\">Answer</a><a href=\"#run\">What was run</a>" +
      collected.links + (curves.empty() ? "" : "<a href=\"#curves\">Curves</a>") + "</nav>\n";
  if (collected.for_orientation)
    html +=
        "<p class=\"warning\">Small stand-ins for the paper's data, or parts of it, and few seeds: "
        "these numbers show in which direction effects point at this scale. They are not the "
        "paper's numbers.</p>\n";
  html += "<h2 id=\"answer\">What the measurements say about the paper's claims</h2>\n" +
          answer_html(judge(read_claims(paper / "claims.csv"), results), paper);
  html += provenance_html(collected, preset_file);
  html += "<h2 id=\"tables\">Tables and figures</h2>\n" + collected.body;
  if (!curves.empty())
    html +=
        "<h2 id=\"curves\">Training curves</h2>\n<p class=\"note\">Thick: mean over the seeds; "
        "thin: single runs.</p>\n" +
        curves;
  return html + "</body></html>\n";
}

}  // namespace lcr
