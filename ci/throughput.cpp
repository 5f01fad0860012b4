#include "ci/throughput.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/statistics.h"
#include "lcr/base/text.h"

namespace lcr::check {
namespace fs = std::filesystem;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Speed, device, name, unit, values)

namespace {

constexpr int kFormat = 1;

void check_values(const Speed& speed, const std::string& source) {
  for (const double value : speed.values)
    if (!std::isfinite(value) || value <= 0)
      fail("{}: {}: {} is not a speed: it must be finite and above 0", source,
           printable(speed.name), format_number(value));
  if (speed.values.empty()) fail("{}: {}: has no values", source, printable(speed.name));
}

std::vector<Speed> read_speed_file(const fs::path& file) {
  if (!fs::exists(file))
    fail("{}: no such reference; lcr-check record --speed makes one", file.string());
  try {
    const auto json = nlohmann::json::parse(read_text(file));
    if (const int format = json.at("format").get<int>(); format != kFormat)
      fail("{}: has format {}; this program reads format {}: remove it and record it again",
           file.string(), format, kFormat);
    const auto speeds = json.at("speeds").get<std::vector<Speed>>();
    for (const auto& speed : speeds) check_values(speed, file.string());
    return speeds;
  } catch (const nlohmann::json::exception& e) {
    fail("{}: damaged ({}); remove it and record it again", file.string(), e.what());
  }
}

/// The smallest p-value that so many measurements can give.
double smallest_p(std::size_t n_a, std::size_t n_b) {
  double arrangements = 1;
  for (std::size_t i = 1; i <= n_a; ++i)
    arrangements *= static_cast<double>(n_b + i) / static_cast<double>(i);
  return 1 / arrangements;
}

SpeedVerdict judge(const Speed& speed, const std::vector<Speed>& reference,
                   const SpeedGateOptions& options) {
  SpeedVerdict verdict;
  verdict.candidate = speed;
  verdict.median = median(speed.values);
  const auto same = std::find_if(reference.begin(), reference.end(), [&](const Speed& other) {
    return other.device == speed.device && other.name == speed.name && other.unit == speed.unit;
  });
  if (same == reference.end()) {
    const bool known = std::any_of(reference.begin(), reference.end(), [&](const Speed& other) {
      return other.device == speed.device;
    });
    if (known)
      verdict.reason = "the reference lacks it on this device";
    else
      verdict.reason = fmt::format(
          "the reference has nothing for the device '{}', and other devices are not compared",
          speed.device);
    return verdict;
  }
  verdict.reference_median = median(same->values);
  verdict.reference_n = same->values.size();
  const bool higher = speed.higher_is_better();
  verdict.change = higher ? verdict.median / verdict.reference_median - 1
                          : verdict.reference_median / verdict.median - 1;
  verdict.p = higher ? mann_whitney_p_less(speed.values, same->values)
                     : mann_whitney_p_less(same->values, speed.values);
  const double faster_p = higher ? mann_whitney_p_less(same->values, speed.values)
                                 : mann_whitney_p_less(speed.values, same->values);
  const std::string size = fmt::format("{:.1f} % {}", 100 * std::abs(verdict.change),
                                       verdict.change < 0 ? "slower" : "faster");
  verdict.verdict = Verdict::kPass;
  if (verdict.change < -options.tolerance) {
    const bool showable = smallest_p(speed.values.size(), verdict.reference_n) < options.alpha;
    verdict.reason = fmt::format("{}, p = {:.3g}", size, verdict.p);
    if (!showable)
      verdict.reason += fmt::format(": so few measurements ({} and {}) cannot show it",
                                    speed.values.size(), verdict.reference_n);
    if (verdict.p < options.alpha)
      verdict.verdict = Verdict::kRegressed;
    else if (!showable)
      verdict.verdict = Verdict::kUndecided;
  } else if (verdict.change > options.tolerance && faster_p < options.alpha) {
    verdict.verdict = Verdict::kImproved;
    verdict.reason = fmt::format("{}, p = {:.3g}: record a new reference", size, faster_p);
  }
  return verdict;
}

}  // namespace

std::vector<Speed> read_training_speeds(const fs::path& results) {
  std::map<std::pair<std::string, std::string>, std::vector<double>> values;
  std::set<std::string> counted;
  for (const auto& file : results_files(results))
    for (const auto& line : read_results(file)) {
      const auto cell = [&](const char* column) -> const std::string& {
        return line[result_column(column)];
      };
      const auto speed = parse_number(cell("samples_per_second"));
      if (!speed)
        fail("{}: samples_per_second '{}' is not a number", file.string(),
             printable(cell("samples_per_second")));
      // Controls are not trained: their speed is 0.
      if (*speed <= 0 || !counted.insert(cell("run_hash")).second) continue;
      const std::string name = fmt::format("training: {} ({}, {})", cell("row"), cell("dataset"),
                                           cell("config_hash").substr(0, 12));
      values[{cell("device"), name}].push_back(*speed);
    }
  std::vector<Speed> speeds;
  for (const auto& [key, own] : values) speeds.push_back({key.first, key.second, "samples/s", own});
  for (const auto& speed : speeds) check_values(speed, results.string());
  return speeds;
}

std::vector<Speed> read_benchmark_speeds(const fs::path& file) {
  std::vector<Speed> speeds;
  try {
    const auto json = nlohmann::json::parse(read_text(file));
    const auto& context = json.at("context");
    if (!context.contains("device"))
      fail(
          "{}: its context does not name the device; lcr-benchmark's does, with other programs "
          "give "
          "--benchmark_context=device=NAME",
          file.string());
    const auto device = context.at("device").get<std::string>();
    for (const auto& entry : json.at("benchmarks")) {
      if (entry.value("run_type", "iteration") != "iteration") continue;  // a mean, median, ...
      if (entry.value("error_occurred", false))
        fail("{}: {} failed: {}", file.string(), printable(entry.at("name").get<std::string>()),
             printable(entry.value("error_message", "")));
      const bool items = entry.contains("items_per_second");
      static const std::map<std::string, double> kNanoseconds = {
          {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
      double value = 0;
      if (items)
        value = entry.at("items_per_second").get<double>();
      else
        value =
            entry.at("real_time").get<double>() * kNanoseconds.at(entry.value("time_unit", "ns"));
      const auto name = entry.at("name").get<std::string>();
      const auto known = std::find_if(speeds.begin(), speeds.end(),
                                      [&](const Speed& speed) { return speed.name == name; });
      if (known == speeds.end())
        speeds.push_back({device, name, items ? "items/s" : "ns", {value}});
      else
        known->values.push_back(value);
    }
  } catch (const nlohmann::json::exception& e) {
    fail("{}: is not JSON output of Google Benchmark ({})", file.string(), e.what());
  } catch (const std::out_of_range&) {
    fail("{}: has a time_unit other than ns, us, ms or s", file.string());
  }
  for (const auto& speed : speeds) check_values(speed, file.string());
  return speeds;
}

void record_speeds(const fs::path& folder, const std::vector<Speed>& speeds) {
  if (speeds.empty()) fail("{}: there is nothing to record", folder.string());
  require_writable_directory(folder);
  const fs::path file = folder / "throughput.json";
  std::vector<Speed> all;
  if (fs::exists(file)) {
    const auto old = read_speed_file(file);
    archive(file);
    // The measured devices are replaced as a whole.
    std::copy_if(old.begin(), old.end(), std::back_inserter(all), [&](const Speed& known) {
      return std::none_of(speeds.begin(), speeds.end(),
                          [&](const Speed& now) { return now.device == known.device; });
    });
  }
  all.insert(all.end(), speeds.begin(), speeds.end());
  std::vector<std::string> lines;
  for (const auto& speed : all)
    lines.push_back("  " + nlohmann::json(speed).dump(-1, ' ', false,
                                                      nlohmann::json::error_handler_t::replace));
  write_atomic(
      file,
      fmt::format("{{\n \"format\": {},\n \"recorded\": \"{}\",\n \"speeds\": [\n{}\n ]\n}}\n",
                  kFormat, today(), join(lines, ",\n")));
}

std::vector<Speed> read_speeds(const fs::path& folder) {
  return read_speed_file(folder / "throughput.json");
}

std::vector<SpeedVerdict> gate_speeds(const std::vector<Speed>& reference,
                                      const std::vector<Speed>& candidate,
                                      const SpeedGateOptions& options) {
  std::vector<SpeedVerdict> verdicts;
  for (const auto& speed : candidate) verdicts.push_back(judge(speed, reference, options));
  // A name that is no longer measured must not pass as equally fast.
  for (const auto& known : reference) {
    const auto measured = [&](const Speed& speed) {
      return speed.device == known.device && speed.name == known.name && speed.unit == known.unit;
    };
    const bool device = std::any_of(candidate.begin(), candidate.end(), [&](const Speed& speed) {
      return speed.device == known.device;
    });
    if (!device || std::any_of(candidate.begin(), candidate.end(), measured)) continue;
    SpeedVerdict missing;
    missing.candidate = known;
    missing.candidate.values.clear();
    missing.reference_median = median(known.values);
    missing.reference_n = known.values.size();
    missing.reason = "is in the reference, but was not measured";
    verdicts.push_back(missing);
  }
  return verdicts;
}

}  // namespace lcr::check
