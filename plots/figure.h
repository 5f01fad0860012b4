// Figures, drawn by gnuplot: one style, readable at column width and without colour vision.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "plots/results.h"
#include "plots/spec.h"

namespace lcr {

/// Draws the experiment's figure as <folder>/<id>.svg and .png, under its title and a line that
/// says which data and how many runs. A "panel" is there as PNG already, left by the experiment;
/// its SVG holds the same picture. Throws UserError where gnuplot is missing (saying what to
/// install) or fails, or where the results lack what the figure shows.
void draw_figure(const PlotSpec& spec, const Results& results,
                 const std::vector<PublishedValue>& published, const std::filesystem::path& folder);

/// Bytes as base64, for pictures inside SVG and HTML.
std::string to_base64(const std::string& bytes);

}  // namespace lcr
