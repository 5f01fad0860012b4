// The commands of `lcr` and the experiments that `lcr table` and `lcr figure` run.
#pragma once

#include <string>
#include <vector>

namespace lcr {

/// An experiment, from its source in experiments/ by way of cmake/experiments.cmake.
struct ExperimentProgram {
  const char* id;       ///< for example "c1"
  const char* program;  ///< for example "cifar100_baseline"
  const char* title;
  bool has_figure;  ///< its plot specification has one
};

/// All experiments of the suite, in the order of their ids.
const std::vector<ExperimentProgram>& experiment_programs();

/// A command of `lcr`.
struct FrontCommand {
  const char* group;               ///< heading in --help
  const char* name;                ///< for example "runs"
  const char* program;             ///< that it starts; "" if there is a choice, or none
  std::vector<std::string> words;  ///< what the program gets before the arguments of the user
  const char* operands;            ///< what follows the name, as in a usage line
  const char* meaning;
};

/// All commands, in the order of --help.
const std::vector<FrontCommand>& front_commands();

/// The command, or experiment, of that name. Throws UserError naming the nearest and those there
/// are.
const FrontCommand& find_front_command(const std::string& name);
const ExperimentProgram& find_experiment_program(const std::string& id);

/// The text of `lcr --help`.
std::string front_help();

/// The text of `lcr help COMMAND` for a command without a program of its own.
std::string front_help(const FrontCommand& command);

}  // namespace lcr
