#include "ci/measured.h"

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"

namespace lcr::check {
namespace fs = std::filesystem;
namespace {

void merge(std::string& known, const std::string& value) {
  if (known.empty()) known = value;
  if (known != value) known = "several";
}

}  // namespace

std::string MetricKey::text() const {
  // The row's name and the data set say these already.
  auto parts = split(options, ';');
  std::erase_if(parts, [](const std::string& part) {
    return part.starts_with("dataset=") || part.starts_with("method=");
  });
  return fmt::format("{}: {} ({}){}, {}{}", experiment, row, dataset,
                     parts.empty() ? "" : ", " + join(parts, ";"),
                     pooling == "none" ? "" : pooling + ", ", metric);
}

std::vector<fs::path> results_files(const fs::path& folder) {
  if (!fs::is_directory(folder))
    fail(
        "{}: no such results folder; train the runs first (make reproduce PRESET=..., make "
        "check-metrics)",
        folder.string());
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  if (files.empty()) fail("{}: holds no results (*.csv)", folder.string());
  std::sort(files.begin(), files.end());
  return files;
}

Measured read_measured(const fs::path& folder) {
  Measured measured;
  std::map<MetricKey, std::map<std::uint64_t, double>> values;
  std::map<MetricKey, std::pair<std::string, std::string>> hashes;
  for (const auto& file : results_files(folder)) {
    for (const auto& line : read_results(file)) {
      const auto cell = [&](const char* column) -> const std::string& {
        return line[result_column(column)];
      };
      if (cell("selection") != "last") continue;
      const MetricKey key{.experiment = cell("experiment"),
                          .row = cell("row"),
                          .dataset = cell("dataset"),
                          .method = cell("method"),
                          .options = cell("options"),
                          .selection = cell("selection"),
                          .pooling = cell("pooling"),
                          .metric = cell("metric")};
      const std::int64_t seed = *parse_integer(cell("seed"));
      const double value = *parse_number(cell("value"));
      if (!values[key].emplace(static_cast<std::uint64_t>(seed), value).second)
        fail("{}: {}: seed {} occurs twice", file.string(), key.text(), seed);
      const auto own = std::pair(cell("config_hash"), cell("evaluation_hash"));
      const auto [entry, is_new] = hashes.emplace(key, own);
      if (entry->second != own)
        fail("{}: {}: its seeds have different configurations", file.string(), key.text());
      merge(measured.origin.commit, cell("commit"));
      merge(measured.origin.device, cell("device"));
      merge(measured.origin.precision, cell("precision"));
      merge(measured.origin.libtorch, cell("libtorch"));
    }
    if (const auto configs = configs_file(folder, file.stem().string()); fs::exists(configs))
      measured.configs.merge(read_configs(configs));
  }
  for (const auto& [key, by_seed] : values) {
    MeasuredRow row{key, hashes.at(key).first, hashes.at(key).second, {}, {}};
    for (const auto& [seed, value] : by_seed) {
      row.seeds.push_back(seed);
      row.values.push_back(value);
    }
    measured.rows.push_back(std::move(row));
  }
  return measured;
}

std::vector<MeasuredRow> with_seeds(const std::vector<MeasuredRow>& rows,
                                    const std::vector<std::uint64_t>& seeds) {
  std::vector<MeasuredRow> chosen;
  for (const auto& row : rows) {
    MeasuredRow own{row.key, row.config_hash, row.evaluation_hash, {}, {}};
    for (const auto seed : seeds) {
      const auto at = std::lower_bound(row.seeds.begin(), row.seeds.end(), seed);
      if (at == row.seeds.end() || *at != seed) break;
      own.seeds.push_back(seed);
      own.values.push_back(row.values[static_cast<std::size_t>(at - row.seeds.begin())]);
    }
    if (own.seeds.size() == seeds.size()) chosen.push_back(std::move(own));
  }
  return chosen;
}

}  // namespace lcr::check
