// Two folders of results, row by row.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "plots/spec.h"

namespace lcr {

/// A table as text: for each row, pooling and metric of the last epoch that both folders have, the
/// means, the mean paired difference (b less a) over the seeds that both have with its 95 %
/// interval, n and the two-sided paired p. Rows whose configuration differs are marked. Throws
/// UserError if the folders have no experiment in common, or results are malformed.
std::string compare_results(const std::vector<PlotSpec>& specs, const std::filesystem::path& a,
                            const std::filesystem::path& b);

/// A page with the curves of runs: losses and scores by epoch, a chart per run, one scale for all.
/// runs: directories of the store. Throws UserError if one has no epochs.
std::string curves_page(const std::vector<std::filesystem::path>& runs);

}  // namespace lcr
