// Parses a command line, with its preset and configuration file, into Options.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "lcr/config/options.h"

namespace lcr {

/// What parse_command_line() itself reads.
struct ProgramOptions {
  std::string preset = "quick", config, results;
  bool help = false;
};

std::vector<OptionSpec> program_options();

struct CommandLine {
  Options options;
  std::set<std::string> given;  ///< names of the options given on the command line itself
  std::string preset_argument;  ///< --preset as given: a name or a path
};

/// The presets in home/presets, by name; empty if the folder cannot be listed.
std::vector<std::string> preset_names(const std::filesystem::path& home);

/// Resolves the layers, each of which overrides the ones before: defaults, preset, --config FILE,
/// command line. In INI files, settings before the first section apply to every experiment, those
/// in a section only where it applies: [id] to that experiment, [METHOD] to rows of that method or
/// of LCR on it, [METHOD-DATASET] to those of them on that data set, [standin] to the stand-in's
/// pre-training.
/// `sections` are those that apply, later ones overriding earlier ones. `home` holds presets/, and
/// plots/specs/ with one file per experiment. Throws UserError on an unknown option, preset or
/// section, or a bad value.
CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::vector<std::string>& sections,
                               const std::filesystem::path& home);

/// The arguments of a command line without the options `names` and their values.
std::vector<std::string> without_options(const std::vector<std::string>& arguments,
                                         const std::set<std::string>& names);

/// The text of --help; `title` describes the program in one line.
std::string help_text(const std::string& program, const std::string& title);

}  // namespace lcr
