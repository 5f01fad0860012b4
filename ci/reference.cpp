#include "ci/reference.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <set>

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"

namespace lcr::check {
namespace fs = std::filesystem;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MetricKey, experiment, row, dataset, method, options, selection,
                                   pooling, metric)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Origin, commit, device, precision, libtorch)

namespace {

constexpr int kFormat = 1;
constexpr std::pair<Direction, const char*> kDirections[] = {
    {Direction::kHigher, "higher"}, {Direction::kLower, "lower"}, {Direction::kSteady, "steady"}};

std::optional<double> optional_number(const nlohmann::json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<double>());
}
nlohmann::json json_of(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

bool all_equal(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(),
                     [&](double value) { return value == values.front(); });
}

ReferenceRow read_row(const nlohmann::json& json) {
  ReferenceRow row;
  row.measured.key = json.get<MetricKey>();
  json.at("config_hash").get_to(row.measured.config_hash);
  json.at("evaluation_hash").get_to(row.measured.evaluation_hash);
  json.at("seeds").get_to(row.measured.seeds);
  json.at("values").get_to(row.measured.values);
  const auto name = json.at("direction").get<std::string>();
  const auto* direction = std::find_if(std::begin(kDirections), std::end(kDirections),
                                       [&](const auto& known) { return name == known.second; });
  const std::string what = printable(row.measured.key.text());
  if (direction == std::end(kDirections))
    fail("{}: direction '{}' is not higher, lower or steady", what, printable(name));
  row.direction = direction->first;
  row.floor = optional_number(json.at("floor"));
  row.ceiling = optional_number(json.at("ceiling"));
  if (row.measured.seeds.size() != row.measured.values.size())
    fail("{}: {} seeds, but {} values", what, row.measured.seeds.size(),
         row.measured.values.size());
  if (row.measured.values.size() < 2) fail("{}: a reference needs at least two seeds", what);
  if (all_equal(row.measured.values)) fail("{}: all its values are equal: no test applies", what);
  if (std::set(row.measured.seeds.begin(), row.measured.seeds.end()).size() !=
      row.measured.seeds.size())
    fail("{}: a seed occurs twice", what);
  return row;
}

}  // namespace

Direction direction_of(const std::string& metric) {
  if (metric.ends_with("_loss")) return Direction::kSteady;
  if (metric.ends_with("_error")) return Direction::kLower;
  return Direction::kHigher;
}

const char* direction_name(Direction direction) {
  for (const auto& [known, name] : kDirections)
    if (known == direction) return name;
  return "";
}

Reference make_reference(const Measured& measured, const std::string& metrics, std::size_t fewest,
                         double floor_level, std::size_t floor_seeds) {
  const auto wanted = split(metrics, ',');
  Reference reference;
  reference.recorded = today();
  reference.origin = measured.origin;
  reference.floor_level = floor_level;
  reference.floor_seeds = floor_seeds;
  for (const auto& row : measured.rows) {
    if (std::find(wanted.begin(), wanted.end(), row.key.metric) == wanted.end() ||
        row.values.size() < std::max<std::size_t>(2, fewest))
      continue;
    if (all_equal(row.values)) continue;  // without a spread over seeds there is no test
    reference.rows.push_back({row, direction_of(row.key.metric), {}, {}});
    if (const auto config = measured.configs.find(row.config_hash);
        config != measured.configs.end())
      reference.configs.insert(*config);
  }
  for (const auto& name : wanted)
    if (metrics != kDefaultMetrics &&
        std::none_of(measured.rows.begin(), measured.rows.end(),
                     [&](const MeasuredRow& row) { return row.key.metric == name; }))
      fail("metrics = '{}': no row has the metric '{}'", metrics, name);
  for (auto& row : reference.rows) {
    const bool both = row.direction == Direction::kSteady;
    const double level = floor_level / static_cast<double>(reference.rows.size()) / (both ? 2 : 1);
    const double margin = prediction_margin(row.measured.values, floor_seeds, level);
    if (row.direction != Direction::kLower) row.floor = mean(row.measured.values) - margin;
    if (row.direction != Direction::kHigher) row.ceiling = mean(row.measured.values) + margin;
  }
  return reference;
}

void write_reference(const fs::path& folder, const Reference& reference) {
  // CSVs made elsewhere may hold bytes that are not UTF-8.
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  nlohmann::ordered_json json;
  json["format"] = kFormat;
  json["name"] = reference.name;
  json["recorded"] = reference.recorded;
  json["commit"] = reference.origin.commit;
  json["device"] = reference.origin.device;
  json["precision"] = reference.origin.precision;
  json["libtorch"] = reference.origin.libtorch;
  json["floor_level"] = reference.floor_level;
  json["floor_seeds"] = reference.floor_seeds;
  json["configs"] = reference.configs;
  json["rows"] = nlohmann::json::array();
  for (const auto& row : reference.rows) {
    nlohmann::json own = row.measured.key;
    own.update({{"config_hash", row.measured.config_hash},
                {"evaluation_hash", row.measured.evaluation_hash},
                {"direction", direction_name(row.direction)},
                {"floor", json_of(row.floor)},
                {"ceiling", json_of(row.ceiling)},
                {"seeds", row.measured.seeds},
                {"values", row.measured.values}});
    json["rows"].push_back(nlohmann::ordered_json(own));
  }
  require_writable_directory(folder);
  const fs::path file = folder / "metrics.json";
  if (fs::exists(file)) archive(file);
  // One entry per line, so that a diff shows what changed.
  std::string text;
  for (const auto& [name, value] : json.items()) {
    text += fmt::format("{} \"{}\": ", text.empty() ? "{\n" : ",\n", name);
    if (name != "rows") {
      text += value.dump(-1, ' ', false, kReplace);
      continue;
    }
    std::vector<std::string> lines;
    for (const auto& row : value) lines.push_back("  " + row.dump(-1, ' ', false, kReplace));
    text += "[\n" + join(lines, ",\n") + "\n ]";
  }
  write_atomic(file, text + "\n}\n");
}

Reference read_reference(const fs::path& folder) {
  const fs::path file = folder / "metrics.json";
  if (!fs::exists(file)) fail("{}: no such reference; lcr-check record makes one", file.string());
  Reference reference;
  try {
    const auto json = nlohmann::json::parse(read_text(file));
    if (const int format = json.at("format").get<int>(); format != kFormat)
      fail("{}: has format {}; this program reads format {}: record it again", file.string(),
           format, kFormat);
    json.at("name").get_to(reference.name);
    json.at("recorded").get_to(reference.recorded);
    reference.origin = json.get<Origin>();
    json.at("floor_level").get_to(reference.floor_level);
    json.at("floor_seeds").get_to(reference.floor_seeds);
    json.at("configs").get_to(reference.configs);
    for (const auto& row : json.at("rows")) {
      try {
        reference.rows.push_back(read_row(row));
      } catch (const UserError& e) {
        fail("{}: {}", file.string(), e.what());
      }
    }
  } catch (const nlohmann::json::exception& e) {
    fail("{}: damaged ({}); record it again", file.string(), e.what());
  }
  if (reference.rows.empty()) fail("{}: holds no rows", file.string());
  return reference;
}

void archive(const fs::path& file) {
  // Even a file that this program cannot read is kept.
  std::string day = "undated";
  const auto json = nlohmann::json::parse(read_text(file), nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains("recorded") && json["recorded"].is_string())
    if (const auto text = json["recorded"].get<std::string>();
        text.size() == 10 && text.find_first_not_of("0123456789-") == std::string::npos)
      day = text;
  require_writable_directory(file.parent_path() / "archive");
  fs::path kept;
  for (int number = 1; number == 1 || fs::exists(kept); ++number)
    kept = file.parent_path() / "archive" /
           fmt::format("{}-{}{}{}", file.stem().string(), day,
                       number == 1 ? "" : fmt::format("-{}", number), file.extension().string());
  fs::copy_file(file, kept);
}

std::string today() { return fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr))); }

}  // namespace lcr::check
