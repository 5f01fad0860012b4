// From a command line, a preset and a configuration file to Options.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "lcr/record/options.h"

namespace lcr {

struct CommandLine {
  Options options;
  std::set<std::string> given;  ///< options named on the command line itself
  std::string preset_argument;  ///< --preset as it was given: a name or a path
};

/// Layers, each over the one before: defaults, preset, --config FILE, command line. In INI files, settings before the first
/// section hold for every experiment, those in the section [id] for that experiment alone.
/// `home` holds presets/, and plots/specs/ with one file an experiment: what sections there may be, besides [standin]. Throws UserError on an unknown option, preset, section or a bad value.
CommandLine parse_command_line(const std::vector<std::string>& arguments, const std::string& experiment_id, const std::filesystem::path& home);

/// The text of --help.
std::string help_text(const std::string& program, const std::string& title);

}  // namespace lcr
