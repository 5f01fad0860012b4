// lcr: one command in front of the suite's programs, which it starts from its own folder.
#include <cstdlib>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/text.h"
#include "lcr/config/command_line.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/version.h"
#include "tools/commands.h"
#include "tools/completion.h"
#include "tools/man_pages.h"
#include "tools/run_program.h"

namespace lcr {
namespace {

using Arguments = std::vector<std::string>;

/// The calls of an experiment's program: itself, then those of lcr-plot that draw what it recorded.
/// `id`: the section of the presets that applies.
std::vector<ProgramCall> with_plots(const std::string& program, const std::string& id,
                                    const Arguments& arguments,
                                    const std::vector<Arguments>& plots) {
  const Options options = parse_command_line(arguments, {id}, suite_home()).options;
  std::vector<ProgramCall> calls = {{program, arguments}};
  if (options.get<ProgramOptions>().help || options.get<ExecutionOptions>().dry_run ||
      options.get<ExecutionOptions>().max_steps > 0)
    return calls;
  for (Arguments plot : plots) {
    plot.insert(plot.end(), {"--results", options.get<ProgramOptions>().results});
    calls.push_back({"lcr-plot", plot});
  }
  return calls;
}

/// The calls of `lcr table ID` and `lcr figure ID`.
std::vector<ProgramCall> experiment_calls(const FrontCommand& command, Arguments arguments) {
  if (arguments.empty() || arguments.front().starts_with("-"))
    fail("command line: {} needs the ID of an experiment first; lcr help {} lists them",
         command.name, command.name);
  const ExperimentProgram& experiment = find_experiment_program(arguments.front());
  arguments.erase(arguments.begin());
  std::vector<Arguments> plots = {{"table", experiment.id}};
  if (std::string_view(command.name) == "figure") {
    std::vector<std::string> figures;
    for (const auto& other : experiment_programs())
      if (other.has_figure) figures.emplace_back(other.id);
    if (!experiment.has_figure)
      fail("command line: {} has no figure; those with one are {}", experiment.id,
           join(figures, ", "));
    plots.push_back({"figure", experiment.id});
  }
  return with_plots(experiment.program, experiment.id, arguments, plots);
}

/// What a command starts, one after the other.
std::vector<ProgramCall> calls_of(const FrontCommand& command, Arguments arguments) {
  const std::string name = command.name;
  if (name == "table" || name == "figure") return experiment_calls(command, arguments);
  if (name == "reproduce")
    return with_plots(command.program, experiment_programs().front().id, arguments, {{"report"}});
  arguments.insert(arguments.begin(), command.words.begin(), command.words.end());
  return {{command.program, arguments}};
}

/// Runs the calls up to the first that fails; the last one replaces this process.
int follow(const std::vector<ProgramCall>& calls) {
  for (const auto& call : calls) {
    if (&call == &calls.back()) become_program(call);
    if (const int code = run_program(call); code != kDone) return code;
  }
  return kDone;
}

/// `lcr help [COMMAND [argument]...]`.
int help(const Arguments& arguments) {
  if (arguments.empty()) {
    fmt::print("{}", front_help());
    return kDone;
  }
  const FrontCommand& command = find_front_command(arguments.front());
  const bool names_experiment = !*command.program && arguments.size() > 1;
  if (!*command.program && !names_experiment) {
    fmt::print("{}", front_help(command));
    return kDone;
  }
  if (names_experiment) become_program({find_experiment_program(arguments[1]).program, {"--help"}});
  become_program({command.program, {"--help"}});
}

/// `lcr completion SHELL` and `lcr man DIR`.
int describe(const std::string& name, const Arguments& arguments) {
  if (arguments.size() != 1)
    fail("command line: {} takes one argument; see lcr help {}", name, name);
  if (name == "completion")
    fmt::print("{}", completion_script(arguments.front()));
  else
    write_man_pages(arguments.front());
  return kDone;
}

int run(const Arguments& arguments) {
  if (arguments.empty())
    fail("command line: say what to do, for example lcr reproduce; lcr --help lists the commands");
  const std::string& name = arguments.front();
  const Arguments rest(arguments.begin() + 1, arguments.end());
  if (name == "--version") {
    fmt::print("lcr {} (commit {}, {}, LibTorch {})\n", kVersion, kCommit, kCompiler, kLibTorch);
    return kDone;
  }
  if (name == "--help") return help({});
  const FrontCommand& command = find_front_command(name);
  if (!*command.program && !rest.empty() && rest.front() == "--help") return help({name});
  if (name == "help") return help(rest);
  if (name == "completion" || name == "man") return describe(name, rest);
  // Threads that wait give the core to others; OpenMP's library reads this when it is loaded.
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  return follow(calls_of(command, rest));
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  return lcr::run_main("lcr", [&] { return lcr::run({argv + 1, argv + argc}); });
}
