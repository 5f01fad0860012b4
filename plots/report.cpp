#include "plots/report.h"

#include <map>
#include <set>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/record/claims.h"
#include "plots/figure.h"
#include "plots/results.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

constexpr const char* kStyle = R"(
body {
  font: 15px/1.5 system-ui, sans-serif; color: #222;
  max-width: 1080px; margin: 2em auto; padding: 0 1em;
}
h1 { font-size: 1.6em; }
h2 { font-size: 1.2em; margin-top: 2.2em; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; margin: .3em 0 1em; }
.scroll { overflow-x: auto; }
th, td { padding: .2em .7em; text-align: right; white-space: nowrap; }
th { border-top: 2px solid #222; border-bottom: 1px solid #222; }
tr:last-child td { border-bottom: 2px solid #222; }
.text { text-align: left; }
.block { margin: 1em 0 .2em; font-style: italic; }
ul { color: #555; font-size: .9em; }
.warning { background: #fff4d6; border-left: 4px solid #e69f00; padding: .6em 1em; }
td.wrap { white-space: normal; text-align: left; min-width: 16em; }
pre { background: #f6f6f6; padding: 1em; overflow-x: auto; font-size: .85em; }
.holds { color: #00734f; font-weight: bold; }
.fails { color: #b34700; font-weight: bold; }
.figure { margin: 1em 0; }
.figure img { max-width: 100%; height: auto; }
)";

std::string figure_html(const PlotSpec& spec, const fs::path& results) {
  if (spec.figure.kind.empty()) return "";
  const fs::path svg = results / "figures" / (spec.id + ".svg");
  if (!fs::exists(svg)) return "<p>The figure has not been drawn.</p>\n";
  std::string html = fmt::format(
      "<div class=\"figure\"><img alt=\"{}\" src=\"data:image/svg+xml;base64,{}\"></div>\n",
      escape_html(spec.title), to_base64(read_text(svg, 256 << 20)));
  if (!spec.figure.caption.empty()) html += "<p>" + escape_html(spec.figure.caption) + "</p>\n";
  return html;
}

std::string claims_html(const fs::path& results, const fs::path& paper) {
  std::string html =
      "<h2>Claims</h2>\n<p>What the measurements in this folder say about the paper's claims. With "
      "fewer than three runs on either side a claim is undecided, whatever the numbers.</p>\n"
      "<div class=\"scroll\"><table><tr><th class=\"text\">claim</th><th "
      "class=\"text\">source</th><th class=\"text\">data</th><th class=\"text\">verdict</th><th "
      "class=\"text\">numbers</th></tr>\n";
  for (const ClaimVerdict& verdict : judge(read_claims(paper / "claims.csv"), results))
    html += fmt::format(
        "<tr><td class=\"wrap\">{}</td><td class=\"wrap\">{}</td><td class=\"text\">{}</td><td "
        "class=\"text {}\">{}</td><td class=\"wrap\">{}</td></tr>\n",
        escape_html(verdict.claim.statement), escape_html(verdict.claim.source),
        escape_html(verdict.dataset), verdict.verdict, verdict.verdict,
        escape_html(verdict.reason));
  return html + "</table></div>\n";
}

}  // namespace

std::string make_report(const std::vector<PlotSpec>& specs, const fs::path& results,
                        const fs::path& paper, const fs::path& preset_file) {
  std::string body, missing;
  std::map<std::string, double> seconds;  // by run
  std::map<std::string, std::set<std::string>> facts;
  bool stands_in = false;
  for (const auto& spec : specs) {
    if (!fs::exists(results / (spec.id + ".csv"))) {
      missing += (missing.empty() ? "" : ", ") + spec.id;
      continue;
    }
    const Results found(results, spec.id);
    const auto published = read_published(paper, spec.id);
    body += "<h2 id=\"" + spec.id + "\">" + escape_html(spec.title) + "</h2>\n" +
            figure_html(spec, results) + to_html(make_table(spec, found, published));
    for (const auto& row : found.rows()) {
      seconds[row[result_column("run_hash")]] =
          parse_number(row[result_column("wall_seconds")]).value_or(0);
      for (const char* fact : {"commit", "device", "precision", "libtorch", "dataset"})
        facts[fact].insert(row[result_column(fact)]);
    }
    for (const auto& dataset : found.distinct("dataset"))
      stands_in = stands_in || std::find(spec.paper_datasets.begin(), spec.paper_datasets.end(),
                                         dataset) == spec.paper_datasets.end();
  }
  if (body.empty()) fail("{}: holds no results of any experiment", results.string());
  double total = 0;
  for (const auto& [run, wall] : seconds) total += wall;
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>LCR Suite: " +
      escape_html(results.filename().string()) + "</title><style>" + kStyle +
      "</style></head><body>\n<h1>LCR Suite: results “" + escape_html(results.filename().string()) +
      "”</h1>\n";
  if (stands_in)
    html +=
        "<p class=\"warning\">Small stand-ins for the paper's data and few seeds: these numbers "
        "show that the pipeline works and in which direction effects point. They are not the "
        "paper's numbers.</p>\n";
  if (!missing.empty()) html += "<p>Not run: " + escape_html(missing) + ".</p>\n";
  html += body + claims_html(results, paper) +
          "<h2>Provenance</h2>\n<div class=\"scroll\"><table><tr><th class=\"text\">what</th><th "
          "class=\"text\">measured with</th></tr>\n";
  for (const auto& [fact, values] : facts)
    html += "<tr><td class=\"text\">" + fact + "</td><td class=\"wrap\">" +
            escape_html(join({values.begin(), values.end()}, ", ")) + "</td></tr>\n";
  html += fmt::format(
      "<tr><td class=\"text\">training and retrieval</td><td class=\"wrap\">{} runs, {} of "
      "computing, summed over the runs</td></tr></table></div>\n",
      seconds.size(), format_duration(total));
  if (fs::exists(preset_file))
    html +=
        "<h2>Configuration</h2>\n<p>The preset as it is now; command-line options override "
        "it.</p>\n<pre>" +
        escape_html(read_text(preset_file, 1 << 20)) + "</pre>\n";
  return html + "</body></html>\n";
}

}  // namespace lcr
