// Small charts as SVG fragments, for HTML pages: they take the page's colours and scale with it.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lcr {

struct ChartLine {
  std::vector<std::pair<double, double>> points;  ///< in the order of x
  bool thin = false;                              ///< a single run behind a mean
};

/// A chart of lines with one vertical scale, which several charts can share.
struct Chart {
  std::string title;
  std::vector<ChartLine> lines;
};

/// Charts side by side with common scales, as an HTML fragment; `x_label` is said once. Needs
/// kChartStyle in the page. Charts without a point are left out.
std::string small_multiples(const std::vector<Chart>& charts, const std::string& x_label);

/// One row of a forest plot.
struct ForestRow {
  double value = 0, low = 0, high = 0;
  std::vector<double> points;     ///< of single pairs
  std::vector<double> published;  ///< none or one
  double margin = 0;              ///< shaded on both sides of 0; 0: none
  std::string kind;               ///< CSS class: "holds", "fails", "undecided"
};

/// The largest absolute value that a forest plot of these rows must show, rounded up.
double forest_reach(const std::vector<ForestRow>& rows);
/// One row, from -reach to reach, with 0 marked; values beyond are cut, with an arrow.
std::string forest_row(const ForestRow& row, double reach);
/// The axis below the rows.
std::string forest_axis(double reach);

/// CSS for what the functions above return.
extern const char* const kChartStyle;

}  // namespace lcr
