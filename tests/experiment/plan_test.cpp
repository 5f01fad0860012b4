// What the presets ask for. The identity of every run depends on these texts: after a change here
// every user's runs are trained again.
#include "lcr/experiment/plan.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/experiment/evaluate_run.h"
#include "lcr/experiment/identify_run.h"
#include "lcr/model/model_options.h"

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
  if (parse_command_line(arguments, {"main"}, LCR_SOURCE_DIR)
          .options.get<PrecisionOptions>()
          .precision == "auto")
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

/// The cells of Table X1 with further arguments.
Plan plan_x1(std::vector<std::string> arguments) {
  const auto& all = registered_experiments();
  const auto x1 = std::find_if(all.begin(), all.end(),
                               [](const Experiment& experiment) { return experiment.id == "x1"; });
  static std::vector<Experiment> one;  // the plan points into it
  one = {*x1};
  arguments.insert(arguments.end(), {"--preset", "quick", "--device", "cpu"});
  return make_plan(one, arguments);
}

TEST(Plan, OnlyTheAuthorsRowIsAlsoTestedWithTheAuthorsMasks) {
  std::size_t rows_with = 0;
  for (const auto& cell : plan_x1({}).cells) {
    if (!cell.experiment) continue;  // the stand-in
    SCOPED_TRACE(cell.row.name);
    EXPECT_EQ(cell.options.get<EvaluationOptions>().eval_mask_norm, "image")
        << "the run itself stays what it was";
    std::vector<std::string> norms;
    for (const auto& evaluation : cell.evaluations)
      norms.push_back(evaluation.get<EvaluationOptions>().eval_mask_norm);
    if (cell.row.name == "LCR (authors' code)") {
      ++rows_with;
      EXPECT_EQ(norms, (std::vector<std::string>{"image", "image", "batch"}));
      EXPECT_EQ(cell.evaluations[2].get<ProtocolOptions>().poolings, "attention,random_gfb");
      EXPECT_EQ(cell.evaluations[2].get<ProtocolOptions>().bn_statistics, "as_trained");
    } else {
      EXPECT_EQ(norms, (std::vector<std::string>{"image", "image"}));
    }
  }
  EXPECT_GT(rows_with, 0U);
  // Where every evaluation has such masks, none is made twice.
  for (const auto& cell : plan_x1({"--eval-mask-norm", "batch"}).cells)
    EXPECT_EQ(cell.evaluations.size(), cell.experiment ? 2U : 0U) << cell.row.name;
}

}  // namespace
}  // namespace lcr
