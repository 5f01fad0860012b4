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

/// Layers, each over the one before: defaults, preset, --config FILE, command line. In INI files,
/// settings before the first section hold for every experiment, those in a section only where it
/// applies: [id] for that experiment, [byol] for its rows on BYOL, [byol-DATASET] for those on that
/// data set, [standin] for the stand-in's pre-training. `sections`: those that apply, the later
/// over the earlier. `home` holds presets/, and plots/specs/ with one file an experiment. Throws
/// UserError on an unknown option, preset, section or a bad value.
CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::vector<std::string>& sections,
                               const std::filesystem::path& home);

/// The text of --help.
std::string help_text(const std::string& program, const std::string& title);

}  // namespace lcr
