// Results read for comparison: one row a metric, with the values of its seeds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lcr/record/results_csv.h"

namespace lcr::check {

/// What must be equal for two numbers to be the same measurement. `options` are the varied ones of
/// the row and the details of the protocol.
struct MetricKey {
  std::string experiment, row, dataset, method, options, selection, pooling, metric;
  auto operator<=>(const MetricKey&) const = default;
  /// "main: LCR (synthbirds), attention, mean_average_precision".
  std::string text() const;
};

/// What ran where; a value that differs between runs reads "several".
struct Origin {
  std::string commit, device, precision, libtorch;
};

struct MeasuredRow {
  MetricKey key;
  std::string config_hash, evaluation_hash;
  std::vector<std::uint64_t> seeds;  ///< rising
  std::vector<double> values;        ///< of those seeds
};

struct Measured {
  std::vector<MeasuredRow> rows;
  ConfigTexts configs;  ///< of their config_hash, where the folder has them
  Origin origin;
};

/// The <experiment>.csv of a results folder, by name. Throws UserError if there is no such folder,
/// or none in it.
std::vector<std::filesystem::path> results_files(const std::filesystem::path& folder);

/// Reads all <experiment>.csv of a results folder: the measurements after the last epoch (what was
/// selected on the test split is no fair comparison). Throws UserError naming file and row on a
/// value that is no finite number, a seed that occurs twice in a row, or a row with several
/// configurations.
Measured read_measured(const std::filesystem::path& folder);

/// The values of some seeds only; rows that lack one of them are left out.
std::vector<MeasuredRow> with_seeds(const std::vector<MeasuredRow>& rows,
                                    const std::vector<std::uint64_t>& seeds);

}  // namespace lcr::check
