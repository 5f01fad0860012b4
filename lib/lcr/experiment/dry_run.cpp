#include "lcr/experiment/dry_run.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "lcr/base/csv.h"
#include "lcr/base/text.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/evaluate_run.h"
#include "lcr/image/view_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"
#include "lcr/train/schedule.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// The state of a run as --dry-run shows it.
const char* state_of(const Cell& cell, const RunStore& store) {
  if (store.find(cell.identity)) return is_done(cell, store) ? "done" : "evaluate";
  return fs::exists(store.directory(cell.identity) / "identity.txt") ? "partial" : "absent";
}

/// Seconds per step of a run in the store: of its whole time if it is finished, else of the epochs
/// done so far.
std::optional<double> seconds_per_step(const Cell& cell, const RunStore& store) {
  const auto steps = static_cast<double>(
      std::max<std::int64_t>(1, count_steps(cell.options, cell.facts->training_images)));
  if (const auto result = store.find(cell.identity)) return result->wall_seconds / steps;
  const fs::path epochs = store.directory(cell.identity) / "epochs.csv";
  if (!fs::exists(epochs)) return std::nullopt;
  double done = 0, seconds = 0;
  for (const auto& line : read_csv<2>(epochs, {"steps", "seconds"})) {
    done += parse_number(line[0]).value_or(0);
    seconds += parse_number(line[1]).value_or(0);
  }
  if (done == 0) return std::nullopt;
  return seconds / done;
}

/// What runs need to have in common for one's speed to tell the other's.
std::string kind_of(const Options& o) {
  return fmt::format("{}/{}/{}", o.get<MethodOptions>().method, o.get<ArchOptions>().arch,
                     o.get<InputOptions>().image_size);
}

/// The unfinished runs of one row.
struct RowTime {
  std::string name;
  int runs = 0;
  std::optional<double> seconds;
};

/// The rows that have unfinished runs, in their order; a run that several rows share counts once.
std::vector<RowTime> row_times(const std::vector<Cell>& cells, const RunStore& store) {
  std::map<std::string, double> speeds;
  for (const auto& cell : cells)
    if (method_of(cell.options).trains())
      if (const auto seconds = seconds_per_step(cell, store))
        // A finished run tells more than one in its first epochs.
        if (store.find(cell.identity) || !speeds.contains(kind_of(cell.options)))
          speeds[kind_of(cell.options)] = *seconds;
  std::vector<RowTime> rows;
  std::set<std::string> counted;
  for (const auto& cell : cells) {
    if (store.find(cell.identity) || !method_of(cell.options).trains() ||
        !counted.insert(cell.identity.directory).second)
      continue;
    const std::string name =
        (cell.experiment ? cell.experiment->id + " " : std::string()) + cell.row.name;
    if (rows.empty() || rows.back().name != name) rows.push_back({.name = name});
    ++rows.back().runs;
    if (const auto speed = speeds.find(kind_of(cell.options)); speed != speeds.end())
      rows.back().seconds = rows.back().seconds.value_or(0) +
                            speed->second * static_cast<double>(count_steps(
                                                cell.options, cell.facts->training_images));
  }
  return rows;
}

void print_times(const std::vector<RowTime>& rows) {
  if (rows.empty()) {
    fmt::print("\nAll runs are trained.\n");
    return;
  }
  fmt::print("\nTime to train the unfinished runs, one at a time:\n");
  double sum = 0;
  bool known = true;
  for (const auto& row : rows) {
    fmt::print("  {:<38} {:>3} runs  {}\n", row.name, row.runs,
               row.seconds ? "about " + format_duration(*row.seconds) : "unknown");
    sum += row.seconds.value_or(0);
    known = known && row.seconds;
  }
  if (known)
    fmt::print("  {:<38} {:>8}  about {}\n", "in all", "", format_duration(sum));
  else
    fmt::print(
        "  unknown: the store has no run of the same method, backbone and image size; start the "
        "program, stop it after an epoch (Ctrl-C: nothing is lost), and ask again\n");
}

}  // namespace

bool is_done(const Cell& cell, const RunStore& store) {
  const fs::path run = store.directory(cell.identity);
  const auto is_evaluated = [&](const Options& evaluation) {
    return find_evaluation(run, cell.identity, evaluation).has_value();
  };
  return store.find(cell.identity) &&
         std::all_of(cell.evaluations.begin(), cell.evaluations.end(), is_evaluated);
}

void print_dry_run(const std::vector<Cell>& cells, const RunStore& store,
                   const torch::Device& device) {
  std::set<const DataFacts*> listed;
  std::set<std::string> directories;
  for (const auto& cell : cells) {
    if (listed.insert(cell.facts).second)
      fmt::print("{}: {} training, {} test images\n", cell.facts->title,
                 cell.facts->training_images, cell.facts->test_images);
    directories.insert(cell.identity.directory);
  }
  fmt::print("{} runs on {} ({})\n\n", directories.size(), device.str(), device_name(device));
  for (const auto& cell : cells)
    fmt::print("{:<9} {:<4} {:<32} seed {:<3} {}\n", state_of(cell, store),
               cell.experiment ? cell.experiment->id : "", cell.row.name, cell.seed,
               cell.identity.directory);
  print_times(row_times(cells, store));
  const Cell* before = nullptr;
  for (const auto& cell : cells) {
    if (before && before->experiment == cell.experiment && before->row.name == cell.row.name)
      continue;
    before = &cell;
    fmt::print("\n[{}{}]\n", cell.experiment ? cell.experiment->id + ": " : "", cell.row.name);
    for (const auto& spec : option_table())
      if (spec.part == OptionPart::kRun && spec.active(cell.options))
        fmt::print("{} = {}\n", spec.name, get_option(cell.options, spec));
  }
}

}  // namespace lcr
