// The results CSV: one line per measured number, every line self-describing.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lcr {

/// The version of the schema below, which each row states.
inline constexpr int kResultsSchema = 4;

/// The columns, in file order. `row` is the row of the paper's table; `run_hash` is the first 12
/// digits of the run's identity, as in the name of its folder (files of older programs have all
/// 64); `config_hash` is the identity without the seed; `init` says what the weights were before
/// training; `resume` is "inexact" if the training, or the training of its initial weights, resumed
/// from a checkpoint that was written with other threads, CPU features, libraries or device;
/// `judged_by` is the pooling that the row's method is judged by.
inline constexpr std::array<const char*, 25> kResultColumns = {"schema",
                                                               "experiment",
                                                               "row",
                                                               "dataset",
                                                               "method",
                                                               "options",
                                                               "seed",
                                                               "selection",
                                                               "pooling",
                                                               "metric",
                                                               "value",
                                                               "epoch",
                                                               "run_hash",
                                                               "config_hash",
                                                               "evaluation_hash",
                                                               "wall_seconds",
                                                               "samples_per_second",
                                                               "peak_memory_mib",
                                                               "commit",
                                                               "device",
                                                               "precision",
                                                               "libtorch",
                                                               "init",
                                                               "resume",
                                                               "judged_by"};

using ResultRow = std::array<std::string, kResultColumns.size()>;

/// Position of a column. Throws std::logic_error if there is none.
std::size_t result_column(const char* name);

/// Writes the whole file atomically: it is always regenerated completely from the run store.
void write_results(const std::filesystem::path& path, const std::vector<ResultRow>& rows);

/// Reads a results file. Files of schemas before 4 lack `judged_by`: it is empty then. Throws
/// UserError if it is missing, malformed or of a newer schema, if a value is not a finite
/// number, or if a seed is not a whole number from 0.
std::vector<ResultRow> read_results(const std::filesystem::path& path);

/// Whether a "name=value" of the column `options` makes numbers of another kind than the row's
/// other ones: other batch norm statistics, another normalisation of masks. Tables and claims take
/// such numbers only where they name that setting.
bool makes_other_numbers(const std::string& option);

/// Configurations (canonical texts without the seed) by their hash, the column config_hash.
using ConfigTexts = std::map<std::string, std::string>;

/// The file with the configurations of an experiment's results. It is next to <experiment>.csv, so
/// that results can be compared without the run store.
std::filesystem::path configs_file(const std::filesystem::path& results,
                                   const std::string& experiment);

/// Writes the configurations as JSON, atomically.
void write_configs(const std::filesystem::path& path, const ConfigTexts& configs);

/// Reads what write_configs() wrote. Throws UserError if the file is missing or malformed, or a
/// text's hash is not its key.
ConfigTexts read_configs(const std::filesystem::path& path);

}  // namespace lcr
