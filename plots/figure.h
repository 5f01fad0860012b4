// Figures, drawn by gnuplot: one style, readable at column width and without colour vision.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lcr/base/error.h"
#include "plots/results.h"
#include "plots/spec.h"

namespace lcr {

/// The results do not have what a figure shows, or not yet.
class NothingToDraw : public UserError {
 public:
  using UserError::UserError;
};

/// Draws the experiment's figure as <folder>/<id>.svg and .png, under its title and a line that
/// names the data and the number of runs. The user's settings of gnuplot do not count. For a
/// "panel" the experiment has written the PNG already; the SVG embeds it. Throws UserError if
/// gnuplot is missing (with what to install) or fails, and NothingToDraw.
void draw_figure(const PlotSpec& spec, const Results& results,
                 const std::vector<PublishedValue>& published, const std::filesystem::path& folder);

/// Bytes as base64, for pictures inside SVG and HTML.
std::string to_base64(const std::string& bytes);

}  // namespace lcr
