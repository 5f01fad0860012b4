#include "tools/commands.h"

#include <algorithm>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

constexpr const char* kMake = "Reproduce";
constexpr const char* kLook = "Runs and results";
constexpr const char* kInput = "Data and weights";
constexpr const char* kSystem = "This machine and this command";

const std::vector<FrontCommand> kCommands = {
    {kMake,
     "reproduce",
     "reproduce",
     {},
     "[--option value]...",
     "trains and evaluates everything, then makes tables, figures and report.html"},
    {kMake, "table", "", {}, "ID [--option value]...", "runs one experiment, then makes its table"},
    {kMake,
     "figure",
     "",
     {},
     "ID [--option value]...",
     "runs one experiment, then makes its table and its figure"},
    {kMake,
     "report",
     "lcr-plot",
     {"report"},
     "[--results DIR]",
     "makes tables, figures and report.html of the results that exist"},
    {kLook, "runs", "lcr-runs", {}, "COMMAND", "lists, shows, verifies, prunes and moves runs"},
    {kLook,
     "evaluate",
     "evaluate",
     {},
     "--run DIR [--option value]...",
     "evaluates a stored run with further protocols"},
    {kLook, "plot", "lcr-plot", {}, "COMMAND", "makes tables, figures, curves and comparisons"},
    {kLook,
     "check",
     "lcr-check",
     {},
     "COMMAND",
     "judges the paper's claims, compares metrics and speeds with recorded ones"},
    {kInput, "data", "lcr-data", {}, "COMMAND", "lists, fetches, verifies and shows data sets"},
    {kInput,
     "weights",
     "lcr-weights",
     {},
     "COMMAND",
     "inspects, converts and imports weight files"},
    {kSystem,
     "doctor",
     "lcr-doctor",
     {},
     "[--option value]...",
     "says what works on this machine, and what to fix"},
    {kSystem, "completion", "", {}, "bash|zsh", "prints a completion script for the shell"},
    {kSystem, "man", "", {}, "DIR", "writes the manual pages of all programs into a folder"},
    {kSystem, "help", "", {}, "[COMMAND]", "explains a command"},
};

[[noreturn]] void fail_unknown(const char* kind, const std::string& name,
                               const std::vector<std::string>& known) {
  fail("command line: no {} '{}'; the nearest is '{}'; there are {}", kind, printable(name),
       nearest_name(name, known), join(known, ", "));
}

/// The item whose `key` is `name`; `kind` is what the message calls it if there is none.
template <typename Item>
const Item& find_by(const char* Item::*key, const std::vector<Item>& items, const char* kind,
                    const std::string& name) {
  std::vector<std::string> known;
  for (const auto& item : items) {
    if (name == item.*key) return item;
    known.emplace_back(item.*key);
  }
  fail_unknown(kind, name, known);
}

std::string list_experiments(bool only_figures) {
  std::string text;
  for (const auto& experiment : experiment_programs())
    if (experiment.has_figure || !only_figures)
      text += fmt::format("      {:<6} {:<21} {}\n", experiment.id, experiment.program,
                          experiment.title);
  return text;
}

}  // namespace

const std::vector<FrontCommand>& front_commands() { return kCommands; }

const FrontCommand& find_front_command(const std::string& name) {
  return find_by(&FrontCommand::name, front_commands(), "command", name);
}

const ExperimentProgram& find_experiment_program(const std::string& id) {
  return find_by(&ExperimentProgram::id, experiment_programs(), "experiment", id);
}

std::string front_help() {
  std::string text =
      "lcr: reproduces the tables and figures of the LCR paper (CVPR 2023), one command each\n\n"
      "Usage: lcr COMMAND [argument]...\n"
      "       lcr help COMMAND     explains a command, as does lcr COMMAND --help\n"
      "       lcr --version        prints the versions of the suite and of LibTorch\n";
  std::string group;
  for (const auto& command : front_commands()) {
    if (group != command.group) {
      group = command.group;
      text += "\n" + group + ":\n";
    }
    const std::string by = *command.program ? fmt::format(" ({})", command.program) : "";
    text += fmt::format("  {:<13} {}{}\n", command.name, command.meaning, by);
  }
  text += "\nID of an experiment, its program and what it shows:\n" + list_experiments(false);
  return text + "\nExit codes: those of the programs; 2 for bad input.\n";
}

std::string front_help(const FrontCommand& command) {
  const std::string name = command.name;
  std::string text = fmt::format("lcr {}: {}\n\nUsage: lcr {} {}\n", name, command.meaning, name,
                                 command.operands);
  if (name != "table" && name != "figure") return text;
  return text +
         fmt::format(
             "\nThe options are those of the experiment's program (lcr {} ID --help). With "
             "--dry-run or --max-steps nothing is recorded, and nothing drawn.\n\nID, program and "
             "title:\n{}",
             name, list_experiments(name == "figure"));
}

}  // namespace lcr
