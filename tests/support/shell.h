// Shell commands in tests of installation and set-up.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <sys/wait.h>

#include "lcr/base/files.h"

namespace lcr::testing {

/// What a shell command did.
struct ShellOutcome {
  int code;         ///< its exit code; -1 if a signal ended it
  std::string log;  ///< its standard output and standard error
};

/// Runs a shell command in `folder`, without LCR_HOME.
inline ShellOutcome shell(const std::filesystem::path& folder, const std::string& command) {
  const std::string line =
      "cd '" + folder.string() + "' && unset LCR_HOME && { " + command + "\n} >log.txt 2>&1";
  const int status = std::system(line.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(folder / "log.txt")};
}

/// Writes a script that can be run.
inline void write_program(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  write_atomic(file, "#!/bin/sh\n" + text + "\n");
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
}

}  // namespace lcr::testing
