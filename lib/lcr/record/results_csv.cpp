#include "lcr/record/results_csv.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <nlohmann/json.hpp>

#include "lcr/base/csv.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"

namespace lcr {

std::size_t result_column(const char* name) {
  for (std::size_t i = 0; i < kResultColumns.size(); ++i)
    if (std::strcmp(kResultColumns[i], name) == 0) return i;
  throw std::logic_error(std::string("no results column ") + name);
}

void write_results(const std::filesystem::path& path, const std::vector<ResultRow>& rows) {
  std::string text = csv_line({kResultColumns.begin(), kResultColumns.end()});
  for (const auto& row : rows) text += csv_line({row.begin(), row.end()});
  write_atomic(path, text);
}

namespace {

/// The rows of a file without the last column, which is empty then.
std::vector<ResultRow> read_without_last_column(const std::filesystem::path& path) {
  std::array<const char*, kResultColumns.size() - 1> columns;
  std::copy_n(kResultColumns.begin(), columns.size(), columns.begin());
  std::vector<ResultRow> rows;
  for (auto& line : read_csv(path, columns)) {
    rows.emplace_back();
    std::move(line.begin(), line.end(), rows.back().begin());
  }
  return rows;
}

}  // namespace

std::vector<ResultRow> read_results(const std::filesystem::path& path) {
  const std::string text = read_csv_text(path);
  const bool has_last =
      text.substr(0, text.find('\n')).find(kResultColumns.back()) != std::string::npos;
  auto rows = has_last ? read_csv(path, kResultColumns) : read_without_last_column(path);
  for (const auto& row : rows) {
    const auto schema = parse_integer(row[result_column("schema")]);
    if (!schema || *schema < 1 || *schema > kResultsSchema)
      fail("{}: a row has schema '{}'; this program reads schemas up to {}", path.string(),
           printable(row[result_column("schema")]), kResultsSchema);
    const auto cell = [&](const char* column) { return printable(row[result_column(column)]); };
    const auto value = parse_number(row[result_column("value")]);
    if (!value || !std::isfinite(*value))
      fail("{}: {} of row '{}', seed {}: value '{}' is not a finite number with a decimal point",
           path.string(), cell("metric"), cell("row"), cell("seed"), cell("value"));
    if (const auto seed = parse_integer(row[result_column("seed")]); !seed || *seed < 0)
      fail("{}: {} of row '{}': seed '{}' is not a whole number from 0", path.string(),
           cell("metric"), cell("row"), cell("seed"));
  }
  return rows;
}

bool makes_other_numbers(const std::string& option) {
  return option.starts_with("bn-statistics=") || option.starts_with("eval-mask-norm=");
}

std::filesystem::path configs_file(const std::filesystem::path& results,
                                   const std::string& experiment) {
  return results / (experiment + ".configs.json");
}

void write_configs(const std::filesystem::path& path, const ConfigTexts& configs) {
  write_atomic(path, nlohmann::json(configs).dump(1) + "\n");
}

ConfigTexts read_configs(const std::filesystem::path& path) {
  ConfigTexts configs;
  try {
    configs = nlohmann::json::parse(read_text(path)).get<ConfigTexts>();
  } catch (const nlohmann::json::exception& e) {
    fail("{}: damaged ({}); run the experiment's program to write it again", path.string(),
         e.what());
  }
  for (const auto& [hash, text] : configs)
    if (sha256_hex(text) != hash)
      fail("{}: damaged: the text under {} has another hash", path.string(),
           printable(hash).substr(0, 12));
  return configs;
}

}  // namespace lcr
