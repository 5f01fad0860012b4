#include "lcr/base/error.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <initializer_list>
#include <new>
#include <string_view>
#include <system_error>

#include <pthread.h>
#include <unistd.h>

#include "lcr/base/memory.h"

namespace lcr {
namespace {

constexpr const char* kOutOfMemory =
    "out of memory: the system gave this process no more memory or threads; raise its limits "
    "(ulimit "
    "-v, ulimit -u), end other programs or, for runs, lower --batch-size, --image-size, --threads "
    "or "
    "--jobs";

/// A library that failed for want of memory left less than this.
constexpr std::size_t kShort = std::size_t{32} << 20;

// Made beforehand: the handlers below allocate nothing and call async-signal-safe functions only
// (mmap() and munmap() are plain system calls).
char last_words[512];
std::atomic<bool> watching = false;
struct sigaction before_abort, before_crash;
std::terminate_handler before_terminate = nullptr;
// For crashes because the stack cannot grow. Large enough for the registers of AMX.
alignas(16) char crash_stack[64 << 10];

[[noreturn]] void end_out_of_memory() {
  if (::write(STDERR_FILENO, last_words, std::strlen(last_words)) < 0) {
    // There is nobody to tell.
  }
  ::_exit(kBadInput);
}

void on_crash(int number, siginfo_t* info, void*) {
  if (watching && !can_map(kShort)) end_out_of_memory();
  ::sigaction(number, number == SIGABRT ? &before_abort : &before_crash, nullptr);
  // A fault repeats itself when this returns; a signal that was sent does not.
  if (info->si_code <= 0) ::raise(number);
}

[[noreturn]] void on_terminate() {
  if (watching && std::current_exception()) {
    try {
      throw;
    } catch (const std::exception& e) {
      if (is_out_of_memory(e)) end_out_of_memory();
    } catch (...) {
    }
  }
  if (before_terminate) before_terminate();
  std::abort();
}

bool can_start_thread() {
  pthread_t thread;
  if (::pthread_create(
          &thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr) != 0)
    return false;
  ::pthread_join(thread, nullptr);
  return true;
}

/// No program of the suite calls exit() in its body: a library gave up.
void on_exit_in_body() {
  if (watching && (!can_map(kShort) || !can_start_thread())) end_out_of_memory();
}

/// LibTorch's errors carry a stack trace after the first line.
std::string_view first_line(const std::exception& error) {
  const std::string_view what = error.what();
  return what.substr(0, what.find('\n'));
}

bool contains_any(std::string_view text, std::initializer_list<const char*> phrases) {
  return std::any_of(phrases.begin(), phrases.end(), [&](const char* phrase) {
    return text.find(phrase) != std::string_view::npos;
  });
}

}  // namespace

bool is_out_of_memory(const std::exception& error) {
  if (dynamic_cast<const UserError*>(&error) || dynamic_cast<const LostRank*>(&error)) return false;
  if (dynamic_cast<const std::bad_alloc*>(&error)) return true;
  if (const auto* system = dynamic_cast<const std::system_error*>(&error))
    return system->code() == std::errc::not_enough_memory ||
           system->code() == std::errc::resource_unavailable_try_again;
  const std::string_view what = first_line(error);
  return contains_any(what, {"out of memory", "allocate memory", "not enough memory"}) ||
         is_out_of_device_memory(error);
}

bool is_out_of_device_memory(const std::exception& error) {
  if (dynamic_cast<const OutOfDeviceMemory*>(&error)) return true;
  if (dynamic_cast<const UserError*>(&error) || dynamic_cast<const LostRank*>(&error)) return false;
  const std::string_view what = first_line(error);
  // LibTorch's allocator; the CUDA runtime; and the libraries, when they make a handle or a plan.
  return contains_any(what, {"CUDA out of memory", "CUDA error: out of memory",
                             "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED"});
}

namespace detail {

MemoryWatch::MemoryWatch(const char* program) {
  std::snprintf(last_words, sizeof last_words, "%s: error: %s\n", program, kOutOfMemory);
  static const bool installed = [] {
    stack_t stack{};
    // A sanitizer brings its own.
    if (::sigaltstack(nullptr, &stack) == 0 && (stack.ss_flags & SS_DISABLE)) {
      stack = {.ss_sp = crash_stack, .ss_flags = 0, .ss_size = sizeof crash_stack};
      ::sigaltstack(&stack, nullptr);
    }
    struct sigaction action {};
    action.sa_sigaction = on_crash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGSEGV, &action, &before_crash);
    ::sigaction(SIGABRT, &action, &before_abort);
    before_terminate = std::set_terminate(on_terminate);
    return std::atexit(on_exit_in_body) == 0;
  }();
  watching = installed;
}

MemoryWatch::~MemoryWatch() { watching = false; }

int report(const char* program, const std::exception& error) {
  if (dynamic_cast<const Interrupted*>(&error)) {
    say("{}: {}\n", program, error.what());
    return kStopped;
  }
  if (dynamic_cast<const LostRank*>(&error)) {
    say("{}: {}\n", program, error.what());
    return kLostRank;
  }
  if (is_out_of_device_memory(error)) {
    say("{}: error: {}\n", program, first_line(error));
    return kOutOfDeviceMemory;
  }
  if (is_out_of_memory(error)) {
    say("{}: error: {}\n", program, kOutOfMemory);
    return kBadInput;
  }
  // A system_error: a file, a folder or standard output that cannot be used is bad input too.
  if (dynamic_cast<const UserError*>(&error) || dynamic_cast<const std::system_error*>(&error)) {
    say("{}: error: {}\n", program, error.what());
    return kBadInput;
  }
  say("{}: internal error: {}\n", program, first_line(error));
  return kInternalError;
}

}  // namespace detail
}  // namespace lcr
