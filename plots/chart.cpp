#include "plots/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <fmt/core.h>

#include "lcr/base/text.h"
#include "plots/table.h"

namespace lcr {
namespace {

/// The largest of 1, 2 and 5 times a power of ten that is not above `value`.
double round_step(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {5., 2.})
    if (factor * power <= value) return factor * power;
  return power;
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
  double span() const { return high > low ? high - low : 1; }
};

constexpr double kWidth = 240, kHeight = 130, kLeft = 40, kRight = 8, kTop = 8, kBottom = 22;

double place(double value, const Range& range, double from, double to) {
  return from + (value - range.low) / range.span() * (to - from);
}

std::string chart_svg(const Chart& chart, const Range& x, const Range& y) {
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
                                kWidth, kHeight, escape_html(chart.title));
  const double step = round_step(y.span() / 2);
  const auto last = static_cast<std::int64_t>(std::floor(y.high / step));
  for (auto tic = static_cast<std::int64_t>(std::ceil(y.low / step)); tic <= last; ++tic) {
    const double value = static_cast<double>(tic) * step;
    const double at = place(value, y, kHeight - kBottom, kTop);
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/><text class=\"tic\" "
        "x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.6g}</text>",
        kLeft, kWidth - kRight, at, at, kLeft - 4, at + 4, value);
  }
  for (const double tic : {x.low, x.high})
    svg += fmt::format("<text class=\"tic\" x=\"{:.1f}\" y=\"{}\" text-anchor=\"{}\">{}</text>",
                       place(tic, x, kLeft, kWidth - kRight), kHeight - 6,
                       tic == x.low ? "start" : "end", format_number(tic));
  for (const auto& line : chart.lines) {
    std::string path;
    for (const auto& [px, py] : line.points)
      if (std::isfinite(py))
        path += fmt::format("{:.1f},{:.1f} ", place(px, x, kLeft, kWidth - kRight),
                            place(py, y, kHeight - kBottom, kTop));
    if (line.points.size() == 1)
      svg += fmt::format("<circle class=\"{0}\" cx=\"{1:.1f}\" cy=\"{2:.1f}\" r=\"2.5\"/>",
                         line.thin ? "dot run" : "dot",
                         place(line.points[0].first, x, kLeft, kWidth - kRight),
                         place(line.points[0].second, y, kHeight - kBottom, kTop));
    else
      svg +=
          fmt::format("<polyline class=\"{}\" points=\"{}\"/>", line.thin ? "run" : "mean", path);
  }
  return svg + "</svg>";
}

}  // namespace

const char* const kChartStyle = R"(
.multiples { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: .6em; }
.multiples figure { margin: 0; break-inside: avoid; }
.multiples figcaption { font-size: .85em; }
svg { width: 100%; height: auto; display: block; }
svg .tic { font-size: 11px; fill: var(--soft); }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg .mean { fill: none; stroke: var(--accent); stroke-width: 2; }
svg .run { fill: none; stroke: var(--accent); stroke-width: .8; opacity: .45; }
svg .dot { fill: var(--accent); stroke: none; }
svg .zero { stroke: var(--ink); stroke-width: 1; }
svg .margin { fill: var(--rule); }
svg .bar { stroke-width: 2.5; stroke: var(--open); }
svg .pair { fill: var(--open); opacity: .5; }
svg .centre { fill: var(--open); }
svg .holds .bar { stroke: var(--holds); } svg .fails .bar { stroke: var(--fails); }
svg .holds .pair, svg .holds .centre { fill: var(--holds); }
svg .fails .pair, svg .fails .centre { fill: var(--fails); }
svg .published { fill: none; stroke: var(--ink); stroke-width: 1.5; }
)";

std::string small_multiples(const std::vector<Chart>& charts, const std::string& x_label) {
  Range x, y;
  for (const auto& chart : charts)
    for (const auto& line : chart.lines)
      for (const auto& [px, py] : line.points) {
        x.add(px);
        y.add(py);
      }
  if (y.empty()) return "";
  const double room = 0.05 * y.span();
  y = {y.low - room, y.high + room};
  std::string html = "<div class=\"multiples\">\n";
  for (const auto& chart : charts)
    if (std::any_of(chart.lines.begin(), chart.lines.end(),
                    [](const ChartLine& line) { return !line.points.empty(); }))
      html += "<figure><figcaption>" + escape_html(chart.title) + "</figcaption>" +
              chart_svg(chart, x, y) + "</figure>\n";
  return html + "</div>\n<p class=\"note\">Horizontal: " + escape_html(x_label) +
         ". One scale for all.</p>\n";
}

double forest_reach(const std::vector<ForestRow>& rows) {
  // An interval of three seeds can be wide: what is beyond 1.5 times the largest difference is cut.
  double differences = 0, ends = 0;
  for (const auto& row : rows) {
    for (const double value : {row.value, row.margin})
      differences = std::max(differences, std::abs(value));
    for (const double value : row.points) differences = std::max(differences, std::abs(value));
    for (const double value : row.published) differences = std::max(differences, std::abs(value));
    for (const double value : {row.low, row.high}) ends = std::max(ends, std::abs(value));
  }
  const double reach = std::max(1e-9, std::min(ends, 1.5 * differences));
  const double step = round_step(reach);
  return std::ceil(std::max(reach, differences) / step) * step;
}

namespace {

constexpr double kForestWidth = 320, kForestHeight = 26;

double forest_place(double value, double reach) {
  return kForestWidth / 2 * (1 + 0.97 * std::clamp(value / reach, -1., 1.));
}

}  // namespace

std::string forest_row(const ForestRow& row, double reach) {
  constexpr double kMiddle = kForestHeight / 2;
  const auto at = [&](double value) { return forest_place(value, reach); };
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{:+.2f}, {:+.2f} to {:+.2f}\"><g "
      "class=\"{}\">",
      kForestWidth, kForestHeight, row.value, row.low, row.high, row.kind);
  if (row.margin > 0)
    svg +=
        fmt::format("<rect class=\"margin\" x=\"{:.1f}\" y=\"2\" width=\"{:.1f}\" height=\"{}\"/>",
                    at(-row.margin), at(row.margin) - at(-row.margin), kForestHeight - 4);
  svg += fmt::format("<line class=\"zero\" x1=\"{0}\" x2=\"{0}\" y1=\"0\" y2=\"{1}\"/>",
                     kForestWidth / 2, kForestHeight);
  svg += fmt::format("<line class=\"bar\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>",
                     at(row.low), at(row.high), kMiddle, kMiddle);
  for (const auto& [end, side] : {std::pair(row.low, -1), std::pair(row.high, 1)})
    if (std::abs(end) > reach)
      svg += fmt::format("<path class=\"centre\" d=\"M{0:.1f},{1} l{2},-4 v8 z\"/>",
                         at(end) + side * 4, kMiddle, -side * 6);
  for (const double pair : row.points)
    svg +=
        fmt::format("<circle class=\"pair\" cx=\"{:.1f}\" cy=\"{}\" r=\"3\"/>", at(pair), kMiddle);
  svg += fmt::format("<path class=\"centre\" d=\"M{:.1f},{} l5,6 l-5,6 l-5,-6 z\"/>", at(row.value),
                     kMiddle - 6);
  for (const double value : row.published)
    svg += fmt::format("<circle class=\"published\" cx=\"{:.1f}\" cy=\"{}\" r=\"5\"/>", at(value),
                       kMiddle);
  return svg + "</g></svg>";
}

std::string forest_axis(double reach) {
  std::string svg = fmt::format("<svg viewBox=\"0 0 {} 18\" aria-hidden=\"true\">", kForestWidth);
  for (const double value : {-reach, -reach / 2, 0., reach / 2, reach}) {
    const char* anchor = "middle";
    if (value == -reach) anchor = "start";
    if (value == reach) anchor = "end";
    svg += fmt::format("<text class=\"tic\" x=\"{:.1f}\" y=\"13\" text-anchor=\"{}\">{}</text>",
                       forest_place(value, reach), anchor,
                       value == 0 ? "0" : fmt::format("{:+g}", value));
  }
  return svg + "</svg>";
}

}  // namespace lcr
