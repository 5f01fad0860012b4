#include "lcr/experiment/plan.h"

#include <algorithm>
#include <map>

#include "lcr/base/error.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/text.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/evaluate_run.h"
#include "lcr/model/precision.h"

namespace lcr {
namespace {

Options& resolve(Options& options, const torch::Device& device) {
  resolve_variant(options);
  options.precision = resolve_precision(options.precision, device);
  check_consistency(options);
  return options;
}

/// Refuses an option on the command line that some selected row sets and none takes: each sets it
/// to another value, or has no use for it. Where only some rows set it, it is the value of the
/// others.
void refuse_overridden(const Experiment& experiment, const std::vector<ExperimentRow>& rows,
                       const CommandLine& command) {
  for (const auto& name : command.given) {
    const OptionSpec& spec = find_option(name, "");
    const std::string given = get_option(command.options, spec);
    bool overridden = false, taken = false;
    for (const auto& row : rows) {
      if (row.name.find(command.options.rows) == std::string::npos) continue;
      const auto own = std::find_if(row.settings.begin(), row.settings.end(),
                                    [&](const auto& setting) { return setting.first == name; });
      if (own != row.settings.end()) {
        overridden = overridden || own->second != given;
        continue;
      }
      Options options = command.options;
      for (const auto& [option, value] : row.settings)
        set_option(options, option, value, "row " + row.name);
      taken = taken || spec.active(options);
    }
    if (overridden && !taken)
      fail("command line: --{} cannot be set: every row of {} that uses it sets its own value",
           name, experiment.id);
  }
}

void add_rows(std::vector<Cell>& cells, const Experiment& experiment, const CommandLine& command,
              const std::vector<std::string>& arguments) {
  const torch::Device device = resolve_device(command.options.device);
  const auto rows = experiment.rows(command.options);
  refuse_overridden(experiment, rows, command);
  const std::string& wanted = command.options.rows;
  const bool whole_name = std::any_of(rows.begin(), rows.end(),
                                      [&](const ExperimentRow& row) { return row.name == wanted; });
  for (const auto& row : rows) {
    Options options = command.options;
    Options host = command.options;
    for (const auto& [name, value] : row.settings) set_option(host, name, value, "row " + row.name);
    if (bootstraps(host))
      options = parse_command_line(arguments, {experiment.id, "byol", "byol-" + host.dataset},
                                   suite_home())
                    .options;
    std::vector<std::string> varied;
    for (const auto& [name, value] : row.settings) {
      set_option(options, name, value, "row " + row.name);
      varied.push_back(name + "=" + value);
    }
    const bool selected =
        whole_name ? row.name == wanted : row.name.find(wanted) != std::string::npos;
    try {
      resolve(options, device);
    } catch (const UserError& e) {
      if (!selected) continue;  // not asked for, and the store cannot have it
      fail("row {}: {}", row.name, e.what());
    }
    std::vector<Settings> wanted_evaluations = experiment.evaluations;
    wanted_evaluations.insert(wanted_evaluations.end(), row.evaluations.begin(),
                              row.evaluations.end());
    std::vector<Options> evaluations;
    for (const auto& settings : wanted_evaluations) {
      Options evaluation = options;
      for (const auto& [name, value] : settings)
        set_option(evaluation, name, value, "evaluation of " + experiment.id);
      check_evaluation(evaluation);
      evaluations.push_back(std::move(evaluation));
    }
    // --seeds on the command line applies to every row, unless --other-seeds is given there too.
    const bool own_seeds =
        !row.headline && !options.other_seeds.empty() &&
        (!command.given.contains("seeds") || command.given.contains("other-seeds"));
    auto seeds = parse_seeds(own_seeds ? options.other_seeds : options.seeds);
    if (options.method == "raw_pixels") seeds = {0};  // nothing random about it
    for (const auto seed : seeds)
      cells.push_back({.experiment = &experiment,
                       .row = row,
                       .options = options,
                       .seed = seed,
                       .varied = join(varied, ";"),
                       .evaluations = evaluations,
                       .selected = selected,
                       .stage = has_subset(options) ? 2 : 1});
  }
}

void check_rows(const std::vector<Cell>& cells, const std::string& rows) {
  if (std::any_of(cells.begin(), cells.end(), [](const Cell& cell) { return cell.selected; }))
    return;
  std::vector<std::string> names;
  for (const auto& cell : cells)
    if (std::find(names.begin(), names.end(), cell.row.name) == names.end())
      names.push_back(cell.row.name);
  fail("rows = '{}': no row's name contains this; the rows are '{}'", rows, join(names, "', '"));
}

void check_given_evaluation_options(const CommandLine& command,
                                    const std::vector<Experiment>& experiments) {
  for (const auto& name : command.given) {
    if (find_option(name, "").part != OptionPart::kEvaluation) continue;
    // An option that every evaluation sets itself would be ignored silently. A checkpoint other
    // than the last belongs to no row.
    const bool used =
        name != "checkpoint" &&
        std::any_of(experiments.begin(), experiments.end(), [&](const Experiment& experiment) {
          return std::any_of(experiment.evaluations.begin(), experiment.evaluations.end(),
                             [&](const Settings& settings) {
                               return std::none_of(
                                   settings.begin(), settings.end(),
                                   [&](const auto& setting) { return setting.first == name; });
                             });
        });
    if (!used)
      fail(
          "command line: --{} has no effect in {}; the program evaluate applies it to a stored run",
          name, experiments.size() == 1 ? experiments.front().id : "these experiments");
  }
}

void add_standins(std::vector<Cell>& cells, const CommandLine& command) {
  std::vector<Cell> standins;
  std::map<std::string, std::size_t> known;
  for (const auto& cell : cells) {
    if (!starts_from_standin(cell.options)) continue;
    std::vector<std::string> arguments = {"--preset", command.preset_argument};
    if (!command.options.config.empty())
      arguments.insert(arguments.end(), {"--config", command.options.config});
    Options options = parse_command_line(arguments, {"standin"}, suite_home()).options;
    options.dataset = "synthbirds-standin";
    options.method = "supervised";
    options.pretrain = "none";
    std::string key;
    // The stand-in must have the network of the run that starts from it, and run in the same place.
    for (const char* name :
         {"arch", "stem", "width", "stride-in-1x1", "bn-eps", "image-size", "precision", "device",
          "threads", "runs", "checkpoint-every", "inexact-resume", "deterministic"}) {
      const std::string value = get_option(cell.options, find_option(name, ""));
      set_option(options, name, value, "stand-in");
      key += value + "\n";
    }
    const auto [entry, is_new] = known.emplace(key, standins.size());
    if (is_new) {
      resolve(options, resolve_device(options.device));
      standins.push_back({.experiment = nullptr,
                          .row = {.name = "Stand-in for ImageNet's weights", .settings = {}},
                          .options = options,
                          .seed = 0,
                          .selected = false,
                          .stage = 0});
    }
    if (cell.selected) standins[entry->second].selected = true;
  }
  cells.insert(cells.begin(), standins.begin(), standins.end());
}

}  // namespace

bool starts_from_standin(const Options& options) {
  return uses_network(options) && options.pretrain == "synthbirds";
}

Plan make_plan(const std::vector<Experiment>& experiments,
               const std::vector<std::string>& arguments) {
  Plan plan;
  for (const auto& experiment : experiments)
    plan.command_lines.push_back(parse_command_line(arguments, {experiment.id}, suite_home()));
  for (std::size_t i = 0; i < experiments.size(); ++i)
    add_rows(plan.cells, experiments[i], plan.command_lines[i], arguments);
  const CommandLine& command = plan.command_lines.front();
  check_rows(plan.cells, command.options.rows);
  check_given_evaluation_options(command, experiments);
  const std::string& wanted = command.options.worker_run;
  if (wanted.empty() || wanted.starts_with("synthbirds-standin-"))
    add_standins(plan.cells, command);
  if (!wanted.empty())
    std::erase_if(plan.cells, [&](const Cell& cell) {
      return !wanted.starts_with(cell.options.dataset + "-" + cell.options.method + "-") ||
             (starts_from_standin(cell.options) && command.options.worker_standin.empty());
    });
  return plan;
}

}  // namespace lcr
