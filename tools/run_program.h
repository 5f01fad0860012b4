// Starts the other programs of the suite, which are beside this one.
#pragma once

#include <string>
#include <vector>

namespace lcr {

/// A program and its arguments.
struct ProgramCall {
  std::string program;
  std::vector<std::string> arguments;
};

/// Replaces this process by the program. Throws UserError if it cannot be started.
[[noreturn]] void become_program(const ProgramCall& call);

/// Runs the program and returns its exit code. If a signal killed it, dies by the same one. SIGINT
/// and SIGTERM are passed on as a request to stop, and the death of this process kills the program.
/// Throws UserError if it cannot be started.
int run_program(const ProgramCall& call);

/// What the program writes to standard output. Throws UserError if it cannot be started, or if its
/// exit code is not 0.
std::string output_of(const ProgramCall& call);

}  // namespace lcr
