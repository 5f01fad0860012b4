// What the suite's programs say about themselves in --help, in parts: completion and man pages are
// made of it.
#pragma once

#include <string>
#include <vector>

namespace lcr {

/// An option of a program.
struct HelpOption {
  std::string name;  ///< without the dashes
  bool takes_value = false;
  std::string meaning;
  std::vector<std::string> choices;  ///< values that can be offered; empty: any text
};

/// A line of a usage: how to call the program and what that does.
struct HelpUsage {
  std::string call;  ///< "lcr-runs show RUN..."
  std::string meaning;
};

struct ProgramHelp {
  std::string name, title;
  std::vector<HelpUsage> usages;
  std::vector<std::string> paragraphs;
  std::vector<HelpOption> options;

  /// The words that may follow the program's name ("list", "show"); none if it takes options only.
  std::vector<std::string> commands() const;
};

/// Runs a tool with --help and takes apart what it prints. Throws UserError if it fails.
ProgramHelp read_help(const std::string& program);

/// Takes a help text apart: a line "NAME: TITLE"; "Usage:", with calls of NAME, each set off by two
/// blanks from its meaning; paragraphs; "Options:", as Boost prints them.
ProgramHelp parse_help(const std::string& program, const std::string& text);

/// The options of every experiment's program, from option_table().
std::vector<HelpOption> experiment_options();

}  // namespace lcr
