// What an experiment's results folder holds of its runs: rows of the CSV, configurations, a figure.
#pragma once

#include <filesystem>
#include <vector>

#include "lcr/experiment/plan.h"
#include "lcr/record/results_csv.h"
#include "lcr/record/run_store.h"

namespace lcr {

/// The rows of one experiment's CSV: all measurements, curves and evaluations of its runs. Runs
/// that --rows did not select are included if they are done; the store must have all others.
std::vector<ResultRow> make_rows(const Experiment& experiment, const std::vector<Cell>& cells,
                                 const RunStore& store);

/// The configurations of the experiment's runs.
ConfigTexts config_texts(const Experiment& experiment, const std::vector<Cell>& cells);

/// Copies the panel of heat maps (Figure B1), which is stored next to its evaluation, from the
/// first run that has one, as the experiment's figure.
void copy_panel(const Experiment& experiment, const std::vector<Cell>& cells, const RunStore& store,
                const std::filesystem::path& results);

}  // namespace lcr
