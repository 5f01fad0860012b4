// Completion of `lcr` in a shell, from the tables of commands, experiments and options.
#pragma once

#include <string>

namespace lcr {

/// The completion script for "bash" or "zsh". Throws UserError for another shell.
std::string completion_script(const std::string& shell);

}  // namespace lcr
