// report.html: everything of one results folder on one page that opens offline.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "plots/spec.h"

namespace lcr {

/// Tables, figures (those drawn already), claims with their verdicts, configuration, provenance and
/// run times. Experiments that were not run are named. preset_file: shown as the configuration if
/// it exists. Returns the HTML.
std::string make_report(const std::vector<PlotSpec>& specs, const std::filesystem::path& results,
                        const std::filesystem::path& paper,
                        const std::filesystem::path& preset_file);

}  // namespace lcr
