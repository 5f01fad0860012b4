#include "lcr/experiment/result_rows.h"

#include <set>

#include <fmt/core.h>

#include "lcr/base/csv.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/data/dataset_options.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/experiment/dry_run.h"
#include "lcr/experiment/evaluate_run.h"
#include "lcr/experiment/identify_run.h"
#include "lcr/experiment/training_record.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"
#include "lcr/train/training_options.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// Makes the result rows of one cell, whose columns are largely the same.
struct RowMaker {
  const Experiment& experiment;
  const Cell& cell;
  const RunResult& result;

  ResultRow operator()(const std::string& detail, const std::string& selection,
                       const std::string& pooling, const std::string& metric, double value,
                       std::int64_t epoch, const std::string& evaluation) const {
    const Provenance& p = result.provenance;
    std::vector<std::string> options;
    for (const auto& text : {cell.varied, detail})
      if (!text.empty()) options.push_back(text);
    return {std::to_string(kResultsSchema),
            experiment.id,
            cell.row.name,
            cell.options.get<DatasetOptions>().dataset,
            cell.options.get<MethodOptions>().method,
            join(options, ";"),
            std::to_string(cell.seed),
            selection,
            pooling,
            metric,
            format_number(value),
            std::to_string(epoch),
            cell.identity.hash.substr(0, 12),
            cell.identity.config_hash,
            evaluation,
            fmt::format("{:.2f}", result.wall_seconds),
            fmt::format("{:.2f}", result.samples_per_second),
            fmt::format("{:.0f}", result.peak_memory_mib),
            p.commit,
            p.device,
            p.precision,
            p.libtorch,
            initial_weights(),
            p.inexact_resume || p.inexact_init ? "inexact" : "",
            method_of(cell.options).judged_by};
  }

  /// "random", "none" (no network), "stand-in <run>", or the name and digest of the file, marked
  /// "partial" if it need not hold the whole backbone.
  std::string initial_weights() const {
    const std::string& init = cell.identity.inputs.init;
    if (init.empty()) return method_of(cell.options).has_network ? "random" : "none";
    if (init.starts_with("run ")) return "stand-in " + init.substr(4, 12);
    return fs::path(cell.options.get<InitOptions>().init).filename().string() + " " +
           init.substr(0, 12) + (cell.options.get<InitOptions>().init_partial ? " partial" : "");
  }
};

/// Adds the losses and the scores by the method's own pooling of every epoch, from the run's
/// epochs.csv.
void add_curve(std::vector<ResultRow>& rows, const RowMaker& make, const fs::path& run) {
  const Options& options = make.cell.options;
  const std::string pooling = method_of(options).judged_by;
  struct Curve {
    std::string column, pooling, metric;
  };
  std::vector<Curve> curves;
  for (const auto& m : make.result.measurements)
    if (m.selection == "last" && is_loss(m.metric))
      curves.push_back({term_column(curves.size(), m.metric), "none", m.metric});
  for (const char* metric : {"rank1", "rank5", "mean_average_precision"})
    curves.push_back({fmt::format("{}_{}", metric, pooling), pooling, metric});
  for (const auto& [column, own_pooling, metric] : curves)
    for (const auto& line : read_csv<2>(run / "epochs.csv", {"epoch", column.c_str()})) {
      if (line[1].empty()) continue;  // not evaluated
      const auto value = parse_number(line[1]);
      const auto epoch = parse_integer(line[0]);
      if (!value || !epoch)
        fail("{}: damaged; remove the run's directory to train it again",
             (run / "epochs.csv").string());
      // Before the switch it is its trunk's curve, which a branched run does not have.
      if (has_subset(options) && *epoch <= options.get<SubsetOptions>().subset_epoch) continue;
      rows.push_back(
          make("", "each_epoch", own_pooling, metric, *value, *epoch, make.result.evaluation_hash));
    }
}

/// The evaluation's settings that make other numbers than the run's own (`options`), as in the
/// column "options".
std::vector<std::string> settings_of(const Options& evaluation, const Options& options) {
  std::vector<std::string> settings;
  if (evaluation.get<ProtocolOptions>().bn_statistics != "as_trained")
    settings.push_back("bn-statistics=" + evaluation.get<ProtocolOptions>().bn_statistics);
  if (evaluation.get<EvaluationOptions>().eval_mask_norm !=
      options.get<EvaluationOptions>().eval_mask_norm)
    settings.push_back("eval-mask-norm=" + evaluation.get<EvaluationOptions>().eval_mask_norm);
  return settings;
}

}  // namespace

std::vector<ResultRow> make_rows(const Experiment& experiment, const std::vector<Cell>& cells,
                                 const RunStore& store) {
  std::vector<ResultRow> rows;
  for (const auto& cell : cells) {
    if (cell.experiment != &experiment || (!cell.selected && !is_done(cell, store))) continue;
    const auto result = store.find(cell.identity);
    check_internal(result.has_value(), "a run of the grid has no result");
    const RowMaker make{experiment, cell, *result};
    std::set<std::string> recorded;
    for (const auto& m : result->measurements)
      if (m.selection == "last") recorded.insert(m.pooling + "/" + m.metric);
    for (const auto& m : result->measurements)
      rows.push_back(
          make("", m.selection, m.pooling, m.metric, m.value, m.epoch, result->evaluation_hash));
    const fs::path run = store.directory(cell.identity);
    if (method_of(cell.options).trains()) add_curve(rows, make, run);
    for (const auto& evaluation : cell.evaluations) {
      const auto record = find_evaluation(run, cell.identity, evaluation);
      check_internal(record.has_value(), "a run of the grid lacks an evaluation");
      const std::int64_t epoch =
          method_of(cell.options).trains() ? cell.options.get<TrainingOptions>().epochs : 0;
      for (const auto& entry : record->entries) {
        auto detail = settings_of(evaluation, cell.options);
        if (!entry.detail.empty()) detail.push_back(entry.detail);
        // The run already recorded what this evaluation measured again: same weights and protocol.
        if (detail.empty() && recorded.contains(entry.pooling + "/" + entry.metric)) continue;
        rows.push_back(make(join(detail, ";"), "last", entry.pooling, entry.metric, entry.value,
                            epoch, record->hash));
      }
    }
  }
  return rows;
}

ConfigTexts config_texts(const Experiment& experiment, const std::vector<Cell>& cells) {
  ConfigTexts texts;
  for (const auto& cell : cells)
    if (cell.experiment == &experiment)
      texts[cell.identity.config_hash] =
          canonical_text(cell.options, cell.identity.inputs, /*with_seed=*/false);
  return texts;
}

void copy_panel(const Experiment& experiment, const std::vector<Cell>& cells, const RunStore& store,
                const fs::path& results) {
  for (const auto& cell : cells) {
    if (cell.experiment != &experiment) continue;
    for (const auto& evaluation : cell.evaluations) {
      const fs::path panel = projection_panel_file(store.directory(cell.identity), evaluation);
      if (!fs::exists(panel)) continue;
      require_writable_directory(results / "figures");
      const auto bytes = read_file(panel, 256 << 20);
      write_atomic(results / "figures" / (experiment.id + ".png"),
                   std::string(bytes.begin(), bytes.end()));
      return;
    }
  }
}

}  // namespace lcr
