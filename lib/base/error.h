// Errors a user can mend, told apart from faults of this program.
#pragma once

#include <fmt/core.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

namespace lcr {

/// Bad input: an option, a file, a directory. The message is one line that says what is wrong, where, and what to do.
/// Programs print it and leave with exit code 2.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A signal asked the program to stop. Programs leave with exit code 3.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws a UserError with an fmt-style message.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw UserError(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws std::logic_error (exit code 1) if a condition that only a programming error can break does not hold.
inline void check_internal(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// Exit codes of every program of the suite.
enum ExitCode : int { kDone = 0, kInternalError = 1, kBadInput = 2, kStopped = 3 };

/// Runs a program's body and turns what it throws into one line on standard error and an exit code.
template <typename Body>
int run_main(const char* program, Body&& body) {
  try {
    return body();
  } catch (const UserError& e) {
    fmt::print(stderr, "{}: error: {}\n", program, e.what());
    return kBadInput;
  } catch (const Interrupted& e) {
    fmt::print(stderr, "{}: {}\n", program, e.what());
    return kStopped;
  } catch (const std::filesystem::filesystem_error& e) {  // a place that cannot be used: bad input too
    fmt::print(stderr, "{}: error: {}\n", program, e.what());
    return kBadInput;
  } catch (const std::exception& e) {
    const std::string what = e.what();  // LibTorch's errors carry a stack trace: the first line says it
    fmt::print(stderr, "{}: internal error: {}\n", program, what.substr(0, what.find('\n')));
    return kInternalError;
  }
}

}  // namespace lcr
