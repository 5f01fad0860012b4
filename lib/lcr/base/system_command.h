// Runs programs of the system, which are found by PATH.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lcr {

/// What a program did.
struct CommandOutcome {
  int code = 0;             ///< exit code; 128 and the signal's number if a signal ended it
  std::string out, errors;  ///< standard output and standard error
};

/// Runs a program with its arguments and an empty standard input, and waits for it. Returns nothing
/// if there is no such program. Throws UserError if it cannot be started for another reason.
std::optional<CommandOutcome> run_command(const std::vector<std::string>& words);

}  // namespace lcr
