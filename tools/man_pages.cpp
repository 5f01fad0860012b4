#include "tools/man_pages.h"

#include <set>

#include <fmt/core.h>

#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/experiment/version.h"
#include "tools/commands.h"
#include "tools/program_help.h"

namespace lcr {
namespace {
namespace fs = std::filesystem;

/// The page of the options that all experiments share.
constexpr const char* kExperiments = "lcr-experiments";

/// Text as roff reads it: no escapes, hyphens that can be searched for, no requests.
std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

std::string head(const std::string& name, const std::string& title) {
  std::string upper = name;
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return fmt::format(".TH {} 1 \"\" \"LCR Suite {}\" \"LCR Suite\"\n.SH NAME\n{} \\- {}\n",
                     escape(upper), kVersion, escape(name), escape(title));
}

std::string section(const char* name) { return fmt::format(".SH {}\n", name); }

/// A term in bold and its explanation.
std::string item(const std::string& term, const std::string& meaning) {
  return fmt::format(".TP\n\\fB{}\\fR\n{}\n", escape(term),
                     meaning.empty() ? "\\&" : escape(meaning));
}

std::string paragraph(const std::string& text) { return ".PP\n" + escape(text) + "\n"; }

std::string options_section(const std::vector<HelpOption>& options) {
  std::string text = section("OPTIONS");
  for (const auto& option : options)
    text += item("--" + option.name + (option.takes_value ? " VALUE" : ""), option.meaning);
  return text;
}

std::string exit_status() {
  return section("EXIT STATUS") + item("0", "done") +
         item("1", "internal error; lcr-check: a regression; lcr-doctor: a fault") +
         item("2", "bad input: one line says what, where and what to do") +
         item("3", "stopped by a signal; what was trained is kept") +
         item("4", "lost another process of the same run (--ranks)") +
         item("5", "out of memory on the GPU");
}

std::string environment() {
  return section("ENVIRONMENT") +
         item("LCR_HOME", "folder of presets/, datasets/, plots/specs/ and results/paper/") +
         item("LCR_DATA", "data directory, if --data-dir is not given") +
         item("LCR_KERNELS", "form of the CPU loops: portable, avx2, avx512 or amx") +
         item("LCR_HUGE_PAGES", "off: no huge pages");
}

/// "lcr(1), lcr-runs(1)" and so on, without the page itself.
std::string see_also(const std::string& name) {
  std::set<std::string> pages = {"lcr", kExperiments};
  for (const auto& command : front_commands())
    if (*command.program) pages.insert(command.program);
  pages.erase("reproduce");  // described with the experiments
  std::string text = section("SEE ALSO"), separator;
  for (const auto& page : pages) {
    if (page == name) continue;
    text += separator + "\\fB" + escape(page) + "\\fR(1)";
    separator = ",\n";
  }
  return text + "\n";
}

std::string tool_page(const ProgramHelp& help) {
  std::string text = head(help.name, help.title) + section("SYNOPSIS");
  for (const auto& usage : help.usages) text += item(usage.call, usage.meaning);
  if (!help.paragraphs.empty()) text += section("DESCRIPTION");
  for (const auto& content : help.paragraphs) text += paragraph(content);
  return text + options_section(help.options) + exit_status() + environment() + see_also(help.name);
}

std::string experiments_page() {
  std::string text = head(kExperiments, "the experiments of the LCR Suite, and reproduce");
  text += section("SYNOPSIS") + ".B lcr table\n.I ID\n[\\fB\\-\\-option\\fR \\fIvalue\\fR]...\n" +
          section("DESCRIPTION") +
          paragraph(
              "Each table or figure has a program of its own; reproduce runs all of them. A "
              "program trains and evaluates the runs that the store lacks and writes "
              "results/PRESET/ID.csv.");
  for (const auto& experiment : experiment_programs())
    text += item(fmt::format("{} ({})", experiment.id, experiment.program), experiment.title);
  text += paragraph(
      "Options come from these sources, each overriding the ones before: the defaults, "
      "presets/PRESET.ini, --config FILE, the command line.");
  return text + options_section(experiment_options()) + exit_status() + environment() +
         see_also(kExperiments);
}

std::string front_page() {
  std::string text = head("lcr", "reproduces the tables and figures of the LCR paper");
  text += section("SYNOPSIS") + ".B lcr\n.I COMMAND\n[\\fIargument\\fR]...\n" +
          section("DESCRIPTION") +
          paragraph("Starts the suite's programs, which are in the same folder.");
  std::string group;
  for (const auto& command : front_commands()) {
    if (group != command.group) {
      group = command.group;
      text += fmt::format(".SS {}\n", group);
    }
    const std::string by = *command.program ? fmt::format(" ({})", command.program) : "";
    text += item(fmt::format("{} {}", command.name, command.operands), command.meaning + by);
  }
  text += section("OPTIONS") + item("--help", "lists the commands") +
          item("--version", "prints the versions of the suite and of LibTorch");
  return text + exit_status() + environment() + see_also("lcr");
}

/// Makes `page`.1 another name of the experiments' page.
void link_page(const fs::path& folder, const std::string& page) {
  const fs::path link = folder / (page + ".1");
  fs::remove(link);
  fs::create_symlink(std::string(kExperiments) + ".1", link);
}

}  // namespace

void write_man_pages(const fs::path& folder) {
  require_writable_directory(folder);
  write_atomic(folder / "lcr.1", front_page());
  write_atomic(folder / (std::string(kExperiments) + ".1"), experiments_page());
  for (const auto& experiment : experiment_programs()) link_page(folder, experiment.program);
  std::set<std::string> tools;
  for (const auto& command : front_commands()) tools.insert(command.program);
  tools.erase("");
  tools.erase("reproduce");
  link_page(folder, "reproduce");
  for (const auto& tool : tools) write_atomic(folder / (tool + ".1"), tool_page(read_help(tool)));
}

}  // namespace lcr
