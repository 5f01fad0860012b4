// Results read for comparison: one row per metric, with the values of its seeds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lcr/record/results_csv.h"

namespace lcr::check {

/// What must be equal for two numbers to be the same measurement. `options` holds the options that
/// the row varies and the details of the protocol.
struct MetricKey {
  std::string experiment, row, dataset, method, options, selection, pooling, metric;
  auto operator<=>(const MetricKey&) const = default;
  /// "main: LCR (synthbirds), attention, mean_average_precision".
  std::string text() const;
};

/// What ran where; "several" if runs differ.
struct Origin {
  std::string commit, device, precision, libtorch;
};

struct MeasuredRow {
  MetricKey key;
  std::string config_hash, evaluation_hash;
  std::vector<std::uint64_t> seeds;  ///< ascending
  std::vector<double> values;        ///< one per seed
};

struct Measured {
  std::vector<MeasuredRow> rows;
  ConfigTexts configs;  ///< by config_hash, as far as the folder has them
  Origin origin;
};

/// The <experiment>.csv files of a results folder, sorted by name. Throws UserError if there is no
/// such folder or it holds none.
std::vector<std::filesystem::path> results_files(const std::filesystem::path& folder);

/// Reads the measurements after the last epoch from all <experiment>.csv of a results folder
/// (epochs selected on the test split do not compare fairly). Throws UserError with file and row on
/// a seed that occurs twice within a row, or a row with several configurations.
Measured read_measured(const std::filesystem::path& folder);

/// The rows with the values of `seeds` only; leaves out rows that lack one of them.
std::vector<MeasuredRow> with_seeds(const std::vector<MeasuredRow>& rows,
                                    const std::vector<std::uint64_t>& seeds);

}  // namespace lcr::check
