// report.html: all of one results folder on one page that opens offline.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "plots/spec.h"

namespace lcr {

/// Returns the HTML: tables, figures (those already drawn), claims with their verdicts,
/// configuration, provenance and run times. Names the experiments that were not run. preset_file:
/// shown as the configuration if it exists. Throws UserError if the folder has no results.
std::string make_report(const std::vector<PlotSpec>& specs, const std::filesystem::path& results,
                        const std::filesystem::path& paper,
                        const std::filesystem::path& preset_file);

}  // namespace lcr
