// Errors that a user can fix, as opposed to faults of this program.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/core.h>

namespace lcr {

/// Bad input: an option, a file, a directory. The message is one line that says what is wrong,
/// where, and what to do. Programs print it and exit with code 2.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A signal asked the program to stop. Programs exit with code 3.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Another process of the same run has ended or does not answer: the fault is not this process's,
/// and its peer says its own. Programs exit with code 4.
class LostRank : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The device, as opposed to the host, has no memory left. Programs exit with code 5.
class OutOfDeviceMemory : public UserError {
 public:
  using UserError::UserError;
};

/// Throws a UserError with an fmt-style message.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw UserError(fmt::format(format, std::forward<Args>(args)...));
}

/// Prints a message for people on standard error. Ignores write errors, unlike fmt::print: a log on
/// a full disk is no reason to stop.
template <typename... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  std::fputs(fmt::format(format, std::forward<Args>(args)...).c_str(), stderr);
}

/// Throws std::logic_error (exit code 1) if a condition that only a programming error can break
/// does not hold.
inline void check_internal(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// Exit codes of every program of the suite.
enum ExitCode : int {
  kDone = 0,
  kInternalError = 1,
  kBadInput = 2,
  kStopped = 3,
  kLostRank = 4,
  kOutOfDeviceMemory = 5
};

/// Whether an exception says that the system gave no memory, or no thread, whose stack is memory
/// too. A UserError never does: it has its own words.
bool is_out_of_memory(const std::exception& error);

/// Whether it was a CUDA device's memory, in the words of LibTorch or of a library under it. Then
/// is_out_of_memory() holds too, unless it is an OutOfDeviceMemory, which has its own words.
bool is_out_of_device_memory(const std::exception& error);

namespace detail {

/// While it lives, memory that runs out where no exception can say so ends the program `program`
/// with one line and kBadInput: oneDNN crashes when it finds no room for its code, OpenMP's library
/// calls exit(), and a function that must not throw ends in std::terminate(). Crashes for other
/// reasons stay crashes.
class MemoryWatch {
 public:
  explicit MemoryWatch(const char* program);
  ~MemoryWatch();
  MemoryWatch(const MemoryWatch&) = delete;
  MemoryWatch& operator=(const MemoryWatch&) = delete;
};

/// Says what ended a program, in one line on standard error. Returns its exit code.
int report(const char* program, const std::exception& error);

}  // namespace detail

/// Runs a program's body. Turns an exception, memory that runs out, or a failure to write standard
/// output into one line on standard error and an exit code.
template <typename Body>
int run_main(const char* program, Body&& body) {
  const detail::MemoryWatch watch(program);
  try {
    const int code = body();
    if (std::fflush(stdout) != 0)
      fail("standard output cannot be written: {}", std::strerror(errno));
    return code;
  } catch (const std::exception& e) {
    return detail::report(program, e);
  }
}

}  // namespace lcr
