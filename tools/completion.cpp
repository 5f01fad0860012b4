#include "tools/completion.h"

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/text.h"
#include "lcr/data/catalogue.h"
#include "lcr/data/descriptor.h"
#include "tools/commands.h"
#include "tools/program_help.h"

namespace lcr {
namespace {

using Words = std::vector<std::string>;

/// One line of the scripts' case: the words that fit there; without any, files do. The patterns
/// stand against "POSITION COMMAND KIND PREVIOUS", where the command is word 1, and KIND is
/// "experiment" for commands with the options of experiments, else the command. Bash and zsh read
/// them alike.
std::string when(const Words& patterns, const Words& words) {
  return fmt::format("    {}) candidates=\"{}\" ;;\n", join(patterns, " | "), join(words, " "));
}

/// The lines of a command's options: their values, then their names together with `words`.
std::string option_lines(const std::string& kind, const std::vector<HelpOption>& options,
                         const Words& words) {
  std::string lines;
  Words files, names = words;
  for (const auto& option : options) {
    names.push_back("--" + option.name);
    if (!option.takes_value) continue;
    const std::string pattern = fmt::format("*\" {} --{}\"", kind, option.name);
    if (option.choices.empty())
      files.push_back(pattern);
    else
      lines += when({pattern}, option.choices);
  }
  if (!files.empty()) lines += when(files, {});
  return lines + when({fmt::format("*\" {} \"*", kind)}, names);
}

Words experiment_ids(bool only_figures) {
  Words ids;
  for (const auto& experiment : experiment_programs())
    if (experiment.has_figure || !only_figures) ids.emplace_back(experiment.id);
  return ids;
}

/// The names that follow a tool's command.
std::string name_lines(const std::string& command) {
  if (command == "plot")
    return when({"\"3 plot \"*\" table\""}, experiment_ids(false)) +
           when({"\"3 plot \"*\" figure\""}, experiment_ids(true));
  if (command != "data") return "";
  Words names = descriptor_names(suite_home() / "datasets"), patterns;
  for (const char* verb : {"info", "fetch"})
    patterns.push_back(fmt::format("\"3 data \"*\" {}\"", verb));
  std::string lines = when(patterns, names);
  patterns.clear();
  for (const char* verb : {"verify", "pack", "show"})
    patterns.push_back(fmt::format("\"3 data \"*\" {}\"", verb));
  for (const auto& spec : datasets())
    if (!spec.title.empty()) names.push_back(spec.name);
  return lines + when(patterns, names);
}

bool has_experiment_options(const FrontCommand& command) {
  const std::string_view name = command.name;
  return name == "table" || name == "figure" || name == "reproduce";
}

/// The lines of the case statement; the first that fits counts.
std::string case_lines() {
  Words commands;
  for (const auto& command : front_commands()) commands.emplace_back(command.name);
  Words first = commands;
  first.insert(first.end(), {"--help", "--version"});
  std::string lines = when({"\"1 \"*"}, first) + when({"\"2 help \"*"}, commands) +
                      when({"\"2 completion \"*"}, {"bash", "zsh"}) +
                      when({"\"2 table \"*"}, experiment_ids(false)) +
                      when({"\"2 figure \"*"}, experiment_ids(true)) +
                      when({"\"3 help \"*\" table\""}, experiment_ids(false)) +
                      when({"\"3 help \"*\" figure\""}, experiment_ids(true)) +
                      option_lines("experiment", experiment_options(), {});
  for (const auto& command : front_commands()) {
    if (!*command.program || has_experiment_options(command)) continue;
    const ProgramHelp help = read_help(command.program);
    const Words words = command.words.empty() ? help.commands() : Words();
    lines += name_lines(command.name) + option_lines(command.name, help.options, words);
  }
  return lines;
}

constexpr const char* kBash = R"(# bash completion of lcr, written by `lcr completion bash`.
_lcr() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local command=${{COMP_WORDS[1]}} kind=${{COMP_WORDS[1]}} candidates=""
  case $kind in table | figure | reproduce) kind=experiment ;; esac
  case "$COMP_CWORD $command $kind $previous" in
{}  esac
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}}
complete -o default -F _lcr lcr
)";

constexpr const char* kZsh = R"(#compdef lcr
# zsh completion of lcr, written by `lcr completion zsh`.
_lcr() {{
  local command=$words[2] kind=$words[2] candidates=""
  case $kind in table | figure | reproduce) kind=experiment ;; esac
  case "$((CURRENT - 1)) $command $kind $words[CURRENT-1]" in
{}  esac
  if [[ -n $candidates ]]; then
    compadd -- ${{=candidates}}
  else
    _files
  fi
}}
_lcr "$@"
)";

}  // namespace

std::string completion_script(const std::string& shell) {
  if (shell == "bash") return fmt::format(kBash, case_lines());
  if (shell == "zsh") return fmt::format(kZsh, case_lines());
  fail("command line: completion is for bash or zsh, not '{}'", printable(shell));
}

}  // namespace lcr
