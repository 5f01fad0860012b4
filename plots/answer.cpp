#include "plots/answer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/core.h>

#include "lcr/base/text.h"
#include "plots/chart.h"
#include "plots/results.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

/// The published difference of a claim's rows, if the paper has both on one data set.
std::optional<double> published_difference(const std::vector<PublishedValue>& values,
                                           const ClaimVerdict& v) {
  // The paper's probes are with all labels and with crops: its name of either of our probes.
  const std::string metric = v.metric.ends_with("probe_top1") ? "probe_top1_100" : v.metric;
  for (const auto& better : values)
    for (const auto& worse : values) {
      if (better.row != v.claim.better_row || worse.row != v.claim.worse_row ||
          better.dataset != worse.dataset || better.metric != metric || worse.metric != metric ||
          better.row == worse.row)
        continue;
      const auto a = parse_number(better.value), b = parse_number(worse.value);
      if (a && b) return *a - *b;
    }
  return std::nullopt;
}

bool run(const ClaimVerdict& verdict) { return verdict.verdict != "not run"; }

ForestRow forest_of(const ClaimVerdict& v, const std::vector<PublishedValue>& values) {
  ForestRow row{.value = v.difference,
                .low = v.interval.low,
                .high = v.interval.high,
                .points = v.differences,
                .published = {},
                .margin = v.claim.margin,
                .kind = v.verdict};
  if (const auto difference = published_difference(values, v)) row.published.push_back(*difference);
  return row;
}

std::string sentence(const std::vector<const ClaimVerdict*>& verdicts, const char* verb,
                     const char* verb_of_one, std::size_t all) {
  if (verdicts.empty()) return "";
  std::vector<std::string> names;
  for (const auto* v : verdicts)
    names.push_back(fmt::format("{} ({:+.1f})", v->claim.statement, v->difference));
  return fmt::format("{} of {} claims {}: {}. ", verdicts.size(), all,
                     verdicts.size() == 1 ? verb_of_one : verb, join(names, "; "));
}

/// Names only the open claims that few more seeds would decide.
std::string open_sentence(std::vector<const ClaimVerdict*> verdicts, std::size_t all) {
  if (verdicts.empty()) return "";
  const std::size_t count = verdicts.size();
  std::erase_if(verdicts, [](const ClaimVerdict* v) { return v->pairs_needed == 0; });
  std::stable_sort(verdicts.begin(), verdicts.end(),
                   [](const auto* a, const auto* b) { return a->pairs_needed < b->pairs_needed; });
  std::vector<std::string> nearest;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, verdicts.size()); ++i)
    nearest.push_back(fmt::format("{} ({:+.1f}, {} seeds would do)", verdicts[i]->claim.statement,
                                  verdicts[i]->difference, verdicts[i]->pairs_needed));
  return fmt::format("{} of {} claims {} open{}{}.", count, all, count == 1 ? "is" : "are",
                     nearest.empty() ? "" : ", the nearest to a decision: ", join(nearest, "; "));
}

}  // namespace

const char* const kAnswerStyle = R"(
.claim { display: grid; grid-template-columns: 6.2em minmax(12em, 2fr) minmax(200px, 3fr) 15em;
  gap: .2em 1em; align-items: center; padding: .35em 0; border-top: 1px solid var(--rule);
  break-inside: avoid; }
.claim .verdict { font-weight: bold; color: var(--open); }
.claim.holds .verdict { color: var(--holds); } .claim.fails .verdict { color: var(--fails); }
.claim .numbers { font-size: .85em; font-variant-numeric: tabular-nums; }
.claim small { color: var(--soft); display: block; }
.head { color: var(--soft); border-top: 0; } .head span { font-size: .85em; }
@media (max-width: 900px) { .claim { grid-template-columns: 5.5em 1fr; }
  .claim .forest, .claim .numbers { grid-column: 1 / -1; } .head { display: none; } }
)";

std::string summarise(const std::vector<ClaimVerdict>& verdicts) {
  std::map<std::string, std::vector<const ClaimVerdict*>> by_verdict;
  std::size_t all = 0;
  for (const auto& v : verdicts) {
    if (!run(v)) continue;
    by_verdict[v.verdict].push_back(&v);
    ++all;
  }
  std::string text = sentence(by_verdict["holds"], "hold", "holds", all) +
                     sentence(by_verdict["fails"], "fail", "fails", all) +
                     open_sentence(by_verdict["undecided"], all);
  return text.empty() ? "No claim of the paper was run." : text;
}

std::string answer_html(const std::vector<ClaimVerdict>& verdicts, const fs::path& paper) {
  std::vector<ForestRow> rows;
  std::map<std::string, std::vector<PublishedValue>> published_values;
  for (const auto& v : verdicts) {
    if (!published_values.contains(v.claim.experiment))
      published_values[v.claim.experiment] = read_published(paper, v.claim.experiment);
    if (!std::isnan(v.interval.low))
      rows.push_back(forest_of(v, published_values[v.claim.experiment]));
  }
  const double reach = rows.empty() ? 1 : forest_reach(rows);
  std::string html = "<p>" + escape_html(summarise(verdicts)) + "</p>\n";
  html +=
      "<div class=\"claim head\"><span>verdict</span><span>claim, data</span><span>difference in "
      "points, same seed</span><span>numbers</span></div>\n";
  std::string absent;
  for (const auto& v : verdicts) {
    if (!run(v)) {
      absent += (absent.empty() ? "" : "; ") + v.claim.statement;
      continue;
    }
    const bool measured = !std::isnan(v.interval.low);
    std::string numbers = v.reason;
    if (measured) {
      numbers = fmt::format("{:+.2f} [{:+.2f}, {:+.2f}], n = {}{}", v.difference, v.interval.low,
                            v.interval.high, v.n, v.paired ? "" : " unpaired");
      if (!std::isnan(v.p)) numbers += fmt::format("; p = {:.2g}, Holm {:.2g}", v.p, v.adjusted_p);
      if (v.pairs_needed > 0) numbers += fmt::format("; {} pairs would decide", v.pairs_needed);
    }
    html += fmt::format(
        "<div class=\"claim {0}\"><span class=\"verdict\">{0}</span><span>{1}<small>{2}, {3}; "
        "{4}</small></span><span class=\"forest\">{5}</span><span "
        "class=\"numbers\">{6}</span></div>\n",
        v.verdict, escape_html(v.claim.statement), escape_html(v.dataset), escape_html(v.metric),
        escape_html(v.claim.source),
        measured ? forest_row(forest_of(v, published_values[v.claim.experiment]), reach) : "",
        escape_html(numbers));
  }
  if (!rows.empty())
    html += "<div class=\"claim head\"><span></span><span></span><span class=\"forest\">" +
            forest_axis(reach) + "</span><span></span></div>\n";
  html +=
      "<p class=\"note\">Diamond and bar: mean difference with its 95 % interval; dots: single "
      "seeds; ring: the paper's own difference, on its data; grey band: what counts as equal. "
      "Holds "
      "or fails: one-sided paired t-test, p &lt; 0.05, at least three seeds; p near 0 speaks for "
      "the claim, near 1 against it. Holm: p adjusted over "
      "all claims here. All this is conditional on one test split and, where runs start from "
      "trained weights, on one such network: seeds vary neither.</p>\n";
  if (!absent.empty()) html += "<p class=\"note\">Not run: " + escape_html(absent) + ".</p>\n";
  return html;
}

}  // namespace lcr
