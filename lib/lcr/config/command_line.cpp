#include "lcr/config/command_line.h"

#include <algorithm>
#include <sstream>

#include <boost/program_options.hpp>
#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/config/section.h"

namespace lcr {
namespace {

namespace po = boost::program_options;

/// The sections that a preset may have: one per experiment that can be plotted, those of methods
/// and of methods on a data set, and that of the stand-in's pre-training.
std::vector<std::string> known_sections(const std::filesystem::path& home) {
  std::vector<std::string> ids = {"standin"};
  for (const auto& method : find_option("method", "").choices) {
    ids.push_back(method);
    for (const auto& dataset : find_option("dataset", "").choices)
      ids.push_back(method + "-" + dataset);
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(home / "plots" / "specs", error))
    if (entry.path().extension() == ".json") ids.push_back(entry.path().stem().string());
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool is_flag(const OptionSpec& spec) { return std::holds_alternative<bool>(spec.default_value); }

po::options_description describe() {
  po::options_description description;
  for (const auto& spec : option_table()) {
    auto* value = po::value<std::string>();
    if (is_flag(spec)) value->implicit_value("yes");
    description.add_options()(spec.name, value);
  }
  return description;
}

/// Passes on Boost's messages, such as "the option '--epoch' is ambiguous ...": they read well.
[[noreturn]] void fail_parsing(const std::string& source, const po::error& e) {
  std::string what = e.what();
  std::replace(what.begin(), what.end(), '\n', ' ');
  fail("{}: {}; --help lists the options", source, what);
}

void apply_file(Options& options, const std::filesystem::path& path,
                const std::vector<std::string>& active, const std::vector<std::string>& known) {
  const std::string source = path.string();
  std::istringstream text(read_text(path, 1 << 20));
  try {
    const auto parsed = po::parse_config_file(text, describe(), /*allow_unregistered=*/true);
    // Sections override the common part, whatever their order in the file.
    std::vector<std::string> passes = {""};
    passes.insert(passes.end(), active.begin(), active.end());
    for (const auto& pass : passes)
      for (const auto& entry : parsed.options) {
        const auto dot = entry.string_key.find('.');
        const bool in_section = dot != std::string::npos;
        const std::string section = in_section ? entry.string_key.substr(0, dot) : "";
        const std::string name = in_section ? entry.string_key.substr(dot + 1) : entry.string_key;
        if (in_section && std::find(active.begin(), active.end(), section) == active.end() &&
            std::find(known.begin(), known.end(), section) == known.end())
          fail(
              "{}: unknown section [{}]; the nearest is [{}]; a section is the id of an "
              "experiment, "
              "a method, METHOD-DATASET, or standin",
              source, printable(section), nearest_name(section, known));
        if (name == "preset" || name == "config" || name.starts_with("worker-") || name == "help" ||
            name == "submit" || name == "list-tasks")
          fail("{}: '{}' belongs on the command line, not in a file", source, name);
        Options scratch;  // for settings of other sections, which are checked too
        set_option(section == pass ? options : scratch, name,
                   entry.value.empty() ? "" : entry.value.front(), source);
      }
  } catch (const po::error& e) {
    fail_parsing(source, e);
  }
}

}  // namespace

std::vector<OptionSpec> program_options() {
  Section<ProgramOptions> s("Control", OptionPart::kControl);
  s.text("preset", &ProgramOptions::preset, "",
         "name NAME of presets/NAME.ini, or path of an INI file");
  s.text("config", &ProgramOptions::config, "FILE",
         "additional INI file, which overrides the preset");
  s.text("results", &ProgramOptions::results, "DIR",
         "directory of the results CSV (default: results/<preset>)");
  s.flag("help", &ProgramOptions::help, "print this help");
  return s.rows();
}

std::vector<std::string> preset_names(const std::filesystem::path& home) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(home / "presets", error))
    if (entry.path().extension() == ".ini") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::vector<std::string>& sections,
                               const std::filesystem::path& home) {
  CommandLine result;
  std::vector<std::pair<std::string, std::string>> settings;
  const std::string source = "command line";
  try {
    const auto description = describe();
    namespace style = po::command_line_style;
    const auto parsed = po::command_line_parser(arguments)
                            .options(description)
                            .style(style::default_style & ~style::allow_guessing)
                            .run();
    for (const auto& entry : parsed.options) {
      if (entry.position_key >= 0)
        fail("{}: '{}' is not an option; --help lists the options", source, entry.value.front());
      if (!result.given.insert(entry.string_key).second)
        fail("{}: --{} is given twice", source, entry.string_key);
      settings.emplace_back(entry.string_key, entry.value.empty() ? "yes" : entry.value.front());
    }
  } catch (const po::error& e) {
    fail_parsing(source, e);
  }
  // The command line alone first: --preset and --config name the files that it overrides.
  Options command;
  for (const auto& [name, value] : settings) set_option(command, name, value, source);

  const std::string& preset = command.get<ProgramOptions>().preset;
  const std::string& config = command.get<ProgramOptions>().config;
  const bool is_path = preset.find('/') != std::string::npos || preset.ends_with(".ini");
  const auto preset_path =
      is_path ? std::filesystem::path(preset) : home / "presets" / (preset + ".ini");
  std::error_code error;
  if (!std::filesystem::exists(preset_path, error))
    fail("preset '{}': no such file {}; the presets are {}", preset, preset_path.string(),
         join(preset_names(home), ", "));
  const auto known = known_sections(home);
  apply_file(result.options, preset_path, sections, known);
  if (!config.empty()) apply_file(result.options, config, sections, known);
  for (const auto& [name, value] : settings) set_option(result.options, name, value, source);
  result.preset_argument = preset;
  auto& program = result.options.get<ProgramOptions>();
  program.preset = preset_path.stem().string();
  if (program.results.empty()) program.results = "results/" + program.preset;
  return result;
}

std::vector<std::string> without_options(const std::vector<std::string>& arguments,
                                         const std::set<std::string>& names) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto equals = arguments[i].find('=');
    const std::string name = arguments[i].substr(0, equals);
    if (!name.starts_with("--") || !names.contains(name.substr(2))) {
      kept.push_back(arguments[i]);
    } else if (equals == std::string::npos && !is_flag(find_option(name.substr(2), ""))) {
      ++i;  // its value, too
    }
  }
  return kept;
}

namespace {

/// The default of an option as --help shows it: in words where the value is empty.
std::string shown_default(const OptionSpec& spec) {
  const bool is_tau = std::string_view(spec.name) == "tau";
  std::string value = default_of(spec);
  if (!value.empty() && !(is_tau && value == "0")) return value;
  if (is_tau || !spec.choices.empty()) return "from variant";
  return spec.part == OptionPart::kEvaluation ? "all" : "none";
}

}  // namespace

std::string help_text(const std::string& program, const std::string& title) {
  std::string text = fmt::format(
      "{}: {}\n\nUsage: {} [--option value]...\n\n"
      "Options come from these sources, each overriding the ones before: the defaults below, "
      "presets/<preset>.ini, --config FILE, the command line.\n"
      "Exit codes: 0 done, 1 internal error, 2 bad input, 3 stopped by a signal, 4 lost another "
      "process of the same run (--ranks), 5 out of memory on the GPU.\n",
      program, title, program);
  std::string group;
  for (const auto& spec : option_table()) {
    if (std::string_view(spec.name).starts_with("worker-")) continue;  // internal
    if (group != spec.group) {
      group = spec.group;
      text += "\n" + group + ":\n";
    }
    const std::string value = shown_default(spec);
    std::string details = fmt::format("default {}", value);
    if (*spec.unit && value != "none") details += fmt::format(" {}", spec.unit);
    if (!spec.active_when.empty()) details += fmt::format("; when {}", spec.active_when);
    text += fmt::format("  --{:<20} {} [{}]\n", spec.name, spec.meaning, details);
    if (!spec.choices.empty())
      text += fmt::format("    {:<20} one of: {}\n", "", join(spec.choices, ", "));
  }
  return text;
}

}  // namespace lcr
