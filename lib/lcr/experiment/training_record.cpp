#include "lcr/experiment/training_record.h"

#include <algorithm>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/csv.h"
#include "lcr/base/text.h"

namespace lcr {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RetrievalScores, rank1, rank5, mean_average_precision)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TermSum, name, sum)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(EpochLog, epoch, steps, lr, loss_sum, terms, seconds)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TrainingRecord, epochs_done, log, last, history, epochs_csv,
                                   best_rank1, chosen, train_steps, train_seconds, wall_seconds,
                                   resumed, inexact_resume, commits)

namespace {

constexpr std::pair<const char*, double RetrievalScores::*> kMetrics[] = {
    {"rank1", &RetrievalScores::rank1},
    {"rank5", &RetrievalScores::rank5},
    {"mean_average_precision", &RetrievalScores::mean_average_precision}};

/// Gives an epoch's log of an older version its terms. The name of the first was not recorded: the
/// next step sets it.
void name_old_losses(nlohmann::json& log) {
  if (log.contains("terms")) return;
  log["terms"] = {{{"name", ""}, {"sum", log.at("contrastive_sum")}},
                  {{"name", kKlLoss}, {"sum", log.at("kl_sum")}}};
}

/// The means of the terms by their columns in epochs.csv, which always has the first two.
std::map<std::string, double> loss_columns(const EpochLog& log) {
  std::map<std::string, double> losses = {{"contrastive", 0}, {"kl", 0}};
  for (std::size_t i = 0; i < log.terms.size(); ++i)
    losses[term_column(i, log.terms[i].name)] = log.mean(log.terms[i].sum);
  return losses;
}

}  // namespace

std::string to_text(const TrainingRecord& record) { return nlohmann::json(record).dump(); }

TrainingRecord parse_training_record(const std::string& text, const std::string& source) {
  try {
    auto json = nlohmann::json::parse(text);
    // Checkpoints of older versions lack these records.
    if (!json.contains("commits")) json["commits"] = nlohmann::json::array();
    if (!json.contains("last")) json["last"] = EpochLog();
    for (const char* log : {"log", "last"}) name_old_losses(json.at(log));
    return json.get<TrainingRecord>();
  } catch (const nlohmann::json::exception& e) {
    fail("{}: damaged: its records cannot be read ({})", source, e.what());
  }
}

std::string term_column(std::size_t index, const std::string& term) {
  if (index == 0) return "contrastive";
  return term == kKlLoss ? "kl" : term;
}

std::string epochs_header(const EpochLog& log, const std::vector<std::string>& poolings) {
  std::vector<std::string> columns = {"epoch", "steps", "lr", "loss"};
  for (const auto& [column, mean] : loss_columns(log)) columns.push_back(column);
  for (const auto& pooling : poolings)
    for (const auto& [metric, member] : kMetrics)
      columns.push_back(fmt::format("{}_{}", metric, pooling));
  columns.insert(columns.end(), {"seconds", "samples_per_second"});
  return csv_line(columns);
}

std::string epochs_row(const EpochLog& log, const Evaluation* scores,
                       const std::vector<std::string>& poolings, std::int64_t batch_size) {
  std::vector<std::string> cells = {std::to_string(log.epoch), std::to_string(log.steps),
                                    format_number(log.lr), format_number(log.loss())};
  for (const auto& [column, mean] : loss_columns(log)) cells.push_back(format_number(mean));
  for (const auto& pooling : poolings)
    for (const auto& [metric, member] : kMetrics)
      cells.push_back(scores ? format_number(scores->at(pooling).*member) : "");
  cells.push_back(format_number(log.seconds));
  cells.push_back(format_number(static_cast<double>(log.steps * batch_size) / log.seconds));
  return csv_line(cells);
}

std::vector<Measurement> loss_measurements(const EpochLog& last) {
  std::vector<Measurement> losses;
  for (const auto& [name, sum] : last.terms) {
    if (name.empty()) return {};
    losses.push_back({"last", "none", name, last.mean(sum), last.epoch});
  }
  return losses;
}

bool is_loss(const std::string& metric) { return metric.ends_with("_loss"); }

std::vector<Measurement> select_measurements(const std::map<std::int64_t, Evaluation>& history,
                                             const std::string& own_pooling) {
  std::vector<Measurement> out;
  const auto add = [&](const char* selection, const std::string& pooling, const char* metric,
                       double value, std::int64_t epoch) {
    out.push_back({selection, pooling, metric, value, epoch});
  };
  const auto& [last_epoch, last] = *history.rbegin();
  const auto best =
      std::max_element(history.begin(), history.end(), [&](const auto& a, const auto& b) {
        return a.second.at(own_pooling).rank1 < b.second.at(own_pooling).rank1;
      });
  for (const auto& [pooling, scores] : last)
    for (const auto& [metric, member] : kMetrics) {
      const auto score = [name = pooling, which = member](const auto& epoch) {
        return epoch.second.at(name).*which;
      };
      add("last", pooling, metric, scores.*member, last_epoch);
      if (history.size() == 1) continue;  // nothing to select from
      add("best_rank1", pooling, metric, score(*best), best->first);
      const auto each =
          std::max_element(history.begin(), history.end(),
                           [&](const auto& a, const auto& b) { return score(a) < score(b); });
      add("best_each", pooling, metric, score(*each), each->first);
    }
  return out;
}

}  // namespace lcr
