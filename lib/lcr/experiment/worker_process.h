// One process that a program starts to work for it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "lcr/base/error.h"

namespace lcr {

/// A process that was started, and the pipe that its standard output goes to.
struct WorkerProcess {
  pid_t id;
  int pipe;
  std::string unread = {};  ///< an unfinished line
};

/// Starts this program with these arguments, without the program's name. environment: variables to
/// set, or without a value to remove. The process dies with its parent, or by its second signal
/// (kill_at_second_signal()). Throws std::runtime_error if the system cannot start it.
WorkerProcess start_process(
    const std::vector<std::string>& arguments,
    const std::vector<std::pair<std::string, std::optional<std::string>>>& environment = {});

/// Reads what has been written to the pipe and passes on each complete line. Returns false once the
/// process has closed its end.
bool read_lines(WorkerProcess& process, const std::function<void(std::string_view line)>& receive);

/// How a process ended.
struct Ending {
  int code = kInternalError;
  int signal = 0;  ///< the signal that killed it; 0 if it exited or was asked to stop
};

/// Closes the pipe and waits for the process to end.
Ending wait_for(const WorkerProcess& process);

}  // namespace lcr
