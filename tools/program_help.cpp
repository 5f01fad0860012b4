#include "tools/program_help.h"

#include <algorithm>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/text.h"
#include "lcr/config/command_line.h"
#include "lcr/config/options.h"
#include "lcr/evaluate/protocol_spec.h"
#include "tools/run_program.h"

namespace lcr {
namespace {

std::string trim(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string::npos ? ""
                                    : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// Appends a further line of a text that is broken into lines.
void append_line(std::string& text, const std::string& line) {
  if (!text.empty() && !line.empty()) text += ' ';
  text += line;
}

/// "--name arg   meaning" as Boost prints it; the meaning may begin on the next line.
HelpOption parse_option(const std::string& line) {
  HelpOption option;
  const std::string text = trim(line).substr(2);
  const auto blank = text.find(' ');
  option.name = text.substr(0, blank);
  std::string rest = blank == std::string::npos ? "" : text.substr(blank + 1);
  option.takes_value = rest == "arg" || rest.starts_with("arg ");
  if (option.takes_value) rest.erase(0, 3);
  option.meaning = trim(rest);
  return option;
}

/// The values that can be offered for an option of the table.
std::vector<std::string> choices_of(const OptionSpec& spec) {
  const std::string name = spec.name;
  if (name == "preset") return preset_names(suite_home());
  if (name == "datasets") return find_option("dataset", "").choices;
  if (name == "protocols") return names_of(protocols());
  if (name == "poolings") return pooling_choices();
  return spec.choices;
}

/// Gives options that the experiments have too their choices.
void add_choices(std::vector<HelpOption>& options) {
  for (auto& option : options)
    for (const auto& spec : option_table())
      if (option.takes_value && option.name == spec.name) option.choices = choices_of(spec);
}

}  // namespace

std::vector<std::string> ProgramHelp::commands() const {
  std::vector<std::string> words;
  for (const auto& usage : usages) {
    const auto parts = split(usage.call, ' ');
    if (parts.size() < 2 || parts[1].empty() || parts[1].front() < 'a' || parts[1].front() > 'z')
      continue;
    if (std::find(words.begin(), words.end(), parts[1]) == words.end()) words.push_back(parts[1]);
  }
  return words;
}

ProgramHelp parse_help(const std::string& program, const std::string& text) {
  ProgramHelp help{.name = program, .title = {}, .usages = {}, .paragraphs = {}, .options = {}};
  enum { kTitle, kUsage, kText, kOptions } part = kTitle;
  for (const auto& line : split(text, '\n')) {
    std::string content = trim(line);
    if (content.empty()) continue;
    if (part == kTitle) {
      if (!content.starts_with(program + ": "))
        fail("{} --help: its first line is not '{}: TITLE'", program, program);
      help.title = content.substr(program.size() + 2);
      part = kText;
      continue;
    }
    if (line.starts_with("Usage:")) {
      part = kUsage;
      content = trim(content.substr(6));
    } else if (line.starts_with("Options:")) {
      part = kOptions;
      continue;
    } else if (part == kUsage && line.front() != ' ') {
      part = kText;
    }
    if (part == kText) {
      help.paragraphs.push_back(content);
    } else if (part == kOptions && line.starts_with("  --")) {
      help.options.push_back(parse_option(line));
    } else if (part == kOptions && !help.options.empty()) {
      append_line(help.options.back().meaning, content);
    } else if (content.starts_with(program + " ")) {
      const auto gap = content.find("  ");
      help.usages.push_back(
          {content.substr(0, gap), gap == std::string::npos ? "" : trim(content.substr(gap))});
    } else if (!content.empty() && !help.usages.empty()) {
      append_line(help.usages.back().meaning, content);
    }
  }
  add_choices(help.options);
  return help;
}

ProgramHelp read_help(const std::string& program) {
  return parse_help(program, output_of({program, {"--help"}}));
}

std::vector<HelpOption> experiment_options() {
  std::vector<HelpOption> options;
  for (const auto& spec : option_table()) {
    if (std::string_view(spec.name).starts_with("worker-")) continue;  // internal
    const bool flag = std::holds_alternative<bool>(spec.default_value);
    std::string meaning = spec.meaning;
    if (!spec.choices.empty()) meaning += "; one of " + join(spec.choices, ", ");
    if (const std::string value = default_of(spec); !value.empty())
      meaning += fmt::format(" [{}{}{}]", value, *spec.unit ? " " : "", spec.unit);
    if (!spec.active_when.empty()) meaning += "; when " + spec.active_when;
    options.push_back({spec.name, !flag, meaning, choices_of(spec)});
  }
  return options;
}

}  // namespace lcr
