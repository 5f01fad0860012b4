// What the presets ask for. The identity of every run depends on these texts: after a change here
// every user's runs are trained again.
#include "lcr/experiment/plan.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/experiment/evaluate_run.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

/// The configuration's canonical text without the numerics revision, which changes on purpose.
std::string configuration(const Options& options) {
  std::string text = canonical_text(options, {.seed = 0, .data_fingerprint = "DATA", .init = ""},
                                    /*with_seed=*/false);
  const auto begin = text.find("numerics_revision=");
  return text.erase(begin, text.find('\n', begin) + 1 - begin);
}

void add_cell(nlohmann::ordered_json& rows, const Cell& cell) {
  const std::string name = cell.row.name + " (" + cell.varied + ")";
  const std::string text = configuration(cell.options);
  if (!rows.contains(name)) {
    rows[name] = {{"stage", cell.stage},
                  {"configuration", text},
                  {"seeds", nlohmann::json::array()},
                  {"evaluations", nlohmann::json::array()}};
    for (const auto& evaluation : cell.evaluations)
      rows[name]["evaluations"].push_back(evaluation_hash(evaluation));
  }
  EXPECT_EQ(rows[name]["configuration"], text) << name;
  rows[name]["seeds"].push_back(cell.seed);
}

/// The plan of one preset: rows by experiment, each with its stage, configuration, seeds and
/// evaluations.
nlohmann::ordered_json plan_of(const std::string& preset) {
  // The plan must not depend on the machine, but "auto" precision depends on the processor.
  std::vector<std::string> arguments = {"--preset", preset, "--device", "cpu"};
  if (parse_command_line(arguments, {"main"}, LCR_SOURCE_DIR).options.precision == "auto")
    arguments.insert(arguments.end(), {"--precision", "bfloat16"});
  nlohmann::ordered_json out;
  for (const auto& experiment : registered_experiments()) {
    auto& rows = out[experiment.id];
    rows = nlohmann::ordered_json::object();
    const std::vector<Experiment> one = {experiment};
    try {
      for (const auto& cell : make_plan(one, arguments).cells) add_cell(rows, cell);
    } catch (const UserError&) {
      rows = "refused";  // not every preset fits every experiment
    }
  }
  return out;
}

TEST(Plan, EveryPresetAsksForTheRunsThatItAlwaysDid) {
  const fs::path golden = fs::path(LCR_SOURCE_DIR) / "tests/golden/plans.json";
  nlohmann::ordered_json actual;
  std::vector<fs::path> presets;
  for (const auto& entry : fs::directory_iterator(fs::path(LCR_SOURCE_DIR) / "presets"))
    presets.push_back(entry.path());
  std::sort(presets.begin(), presets.end());
  for (const auto& preset : presets) actual[preset.stem()] = plan_of(preset);
  if (std::getenv("LCR_WRITE_GOLDENS")) write_atomic(golden, actual.dump(1) + "\n");
  const auto expected = nlohmann::ordered_json::parse(read_text(golden, 16 << 20));
  ASSERT_EQ(actual.size(), expected.size())
      << "a preset was added or removed: rewrite the golden with LCR_WRITE_GOLDENS=1";
  for (const auto& [preset, experiments] : expected.items()) {
    SCOPED_TRACE(preset);
    ASSERT_TRUE(actual.contains(preset));
    ASSERT_EQ(actual[preset].size(), experiments.size());
    for (const auto& [experiment, rows] : experiments.items()) {
      SCOPED_TRACE(experiment);
      EXPECT_EQ(actual[preset][experiment].size(), rows.size());
      if (rows.is_string()) {
        EXPECT_EQ(actual[preset][experiment], rows);
        continue;
      }
      for (const auto& [name, row] : rows.items())
        EXPECT_EQ(actual[preset][experiment].value(name, nlohmann::ordered_json()).dump(1),
                  row.dump(1))
            << name;
    }
  }
}

}  // namespace
}  // namespace lcr
