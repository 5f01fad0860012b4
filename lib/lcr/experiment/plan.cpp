#include "lcr/experiment/plan.h"

#include <algorithm>
#include <map>

#include "lcr/base/error.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/text.h"
#include "lcr/config/command_line.h"
#include "lcr/data/catalogue.h"
#include "lcr/data/dataset_options.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/evaluate_run.h"
#include "lcr/experiment/option_table.h"
#include "lcr/experiment/standin.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"
#include "lcr/model/precision.h"

namespace lcr {
namespace {

Options& resolve(Options& options, const torch::Device& device) {
  resolve_variant(options);
  std::string& precision = options.get<PrecisionOptions>().precision;
  precision = resolve_precision(precision, device);
  check_consistency(options);
  return options;
}

/// The options with those that define the row.
Options with_settings(Options options, const ExperimentRow& row) {
  for (const auto& [name, value] : row.settings)
    set_option(options, name, value, "row " + row.name);
  return options;
}

/// The sections of presets that apply to rows of the method: those of LCR's host, and its own.
std::vector<std::string> method_sections(const Options& options) {
  const MethodSpec& method = method_of(options);
  std::vector<std::string> sections;
  for (const auto& name : {method.host, method.name}) {
    if (name.empty()) continue;
    sections.push_back(name);
    sections.push_back(name + "-" + dataset_of(options).name);
  }
  return sections;
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
      if (row.name.find(command.options.get<SelectionOptions>().rows) == std::string::npos)
        continue;
      const auto own = std::find_if(row.settings.begin(), row.settings.end(),
                                    [&](const auto& setting) { return setting.first == name; });
      if (own != row.settings.end()) {
        overridden = overridden || own->second != given;
        continue;
      }
      taken = taken || spec.active(with_settings(command.options, row));
    }
    if (overridden && !taken)
      fail("command line: --{} cannot be set: every row of {} that uses it sets its own value",
           name, experiment.id);
  }
}

/// For messages.
std::string names_of_experiments(const std::vector<Experiment>& experiments) {
  return experiments.size() == 1 ? experiments.front().id : "these experiments";
}

void add_rows(std::vector<Cell>& cells, const Experiment& experiment, const CommandLine& command,
              const std::vector<std::string>& arguments) {
  const torch::Device device = resolve_device(command.options.get<ExecutionOptions>().device);
  const auto rows = experiment.rows(command.options);
  refuse_overridden(experiment, rows, command);
  const std::string& wanted = command.options.get<SelectionOptions>().rows;
  const bool whole_name = std::any_of(rows.begin(), rows.end(),
                                      [&](const ExperimentRow& row) { return row.name == wanted; });
  for (const auto& row : rows) {
    std::vector<std::string> sections = {experiment.id};
    for (auto& section : method_sections(with_settings(command.options, row)))
      sections.push_back(std::move(section));
    Options options =
        with_settings(parse_command_line(arguments, sections, suite_home()).options, row);
    std::vector<std::string> varied;
    for (const auto& [name, value] : row.settings) varied.push_back(name + "=" + value);
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
        !row.headline && !options.get<SelectionOptions>().other_seeds.empty() &&
        (!command.given.contains("seeds") || command.given.contains("other-seeds"));
    auto seeds = parse_seeds(own_seeds ? options.get<SelectionOptions>().other_seeds
                                       : options.get<SelectionOptions>().seeds);
    if (!method_of(options).has_network) seeds = {0};  // nothing random about it
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

/// Refuses an option on the command line of a component, such as a backbone, that no row has.
void refuse_unchosen(const std::vector<Cell>& cells, const CommandLine& command,
                     const std::vector<Experiment>& experiments) {
  for (const auto& name : command.given) {
    const OptionSpec& spec = find_option(name, "");
    if (spec.chosen && spec.part == OptionPart::kRun &&
        std::none_of(cells.begin(), cells.end(),
                     [&](const Cell& cell) { return spec.chosen(cell.options); }))
      fail("command line: --{} has no effect in {}: it counts only when {}", name,
           names_of_experiments(experiments), spec.chosen_when);
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
          name, names_of_experiments(experiments));
  }
}

void add_standins(std::vector<Cell>& cells, const CommandLine& command) {
  std::vector<Cell> standins;
  std::map<std::string, std::size_t> known;
  for (const auto& cell : cells) {
    if (!starts_from_standin(cell.options)) continue;
    Options options = standin_options(cell.options, command);
    const auto [entry, is_new] = known.emplace(network_key(options), standins.size());
    if (is_new) {
      resolve(options, resolve_device(options.get<ExecutionOptions>().device));
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

Plan make_plan(const std::vector<Experiment>& experiments,
               const std::vector<std::string>& arguments) {
  Plan plan;
  for (const auto& experiment : experiments)
    plan.command_lines.push_back(parse_command_line(arguments, {experiment.id}, suite_home()));
  for (std::size_t i = 0; i < experiments.size(); ++i)
    add_rows(plan.cells, experiments[i], plan.command_lines[i], arguments);
  const CommandLine& command = plan.command_lines.front();
  check_rows(plan.cells, command.options.get<SelectionOptions>().rows);
  check_given_evaluation_options(command, experiments);
  const std::string& wanted = command.options.get<WorkerOptions>().worker_run;
  if (wanted.empty()) refuse_unchosen(plan.cells, command, experiments);
  if (wanted.empty() || is_standin(wanted)) add_standins(plan.cells, command);
  if (!wanted.empty())
    std::erase_if(plan.cells, [&](const Cell& cell) {
      return !wanted.starts_with(directory_prefix(cell.options)) ||
             (starts_from_standin(cell.options) &&
              command.options.get<WorkerOptions>().worker_standin.empty());
    });
  return plan;
}

}  // namespace lcr
