// Errors that a user can fix, as opposed to faults of this program.
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
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
enum ExitCode : int { kDone = 0, kInternalError = 1, kBadInput = 2, kStopped = 3 };

/// Runs a program's body. Turns an exception, or a failure to write standard output, into one line
/// on standard error and an exit code.
template <typename Body>
int run_main(const char* program, Body&& body) {
  try {
    const int code = body();
    if (std::fflush(stdout) != 0)
      fail("standard output cannot be written: {}", std::strerror(errno));
    return code;
  } catch (const UserError& e) {
    say("{}: error: {}\n", program, e.what());
    return kBadInput;
  } catch (const Interrupted& e) {
    say("{}: {}\n", program, e.what());
    return kStopped;
  } catch (const std::system_error& e) {
    // A file, a folder or standard output that cannot be used: bad input too.
    say("{}: error: {}\n", program, e.what());
    return kBadInput;
  } catch (const std::exception& e) {
    // LibTorch's errors carry a stack trace after the first line.
    const std::string what = e.what();
    say("{}: internal error: {}\n", program, what.substr(0, what.find('\n')));
    return kInternalError;
  }
}

}  // namespace lcr
