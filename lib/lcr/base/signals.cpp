#include "lcr/base/signals.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <initializer_list>

#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace lcr {
namespace {

volatile std::sig_atomic_t stop_flag = 0, user_asked = 0;

/// The parent of this worker; 0 in a process that is none.
volatile pid_t expected_parent = 0;

/// The children that a second signal kills; 0 is a free place. Whoever finds none (there are never
/// that many) dies with the parent all the same, a little later.
std::array<std::atomic<pid_t>, 1024> workers;
static_assert(std::atomic<pid_t>::is_always_lock_free);  // used in a signal handler

/// Kills this worker in a while, even if a library never lets it see the flag, once its parent
/// died.
void limit_if_orphaned() {
  if (expected_parent != 0 && ::getppid() != expected_parent) ::alarm(kSavingSeconds);
}

void on_signal(int number) {
  const int error = errno;
  stop_flag = 1;
  if (number == SIGUSR1) {
    limit_if_orphaned();
  } else {
    if (user_asked) {
      for (const auto& worker : workers)
        if (const pid_t process = worker; process > 0) ::kill(process, SIGKILL);
      std::signal(number, SIG_DFL);
      std::raise(number);  // takes effect when this handler returns
    }
    user_asked = 1;
  }
  errno = error;
}

}  // namespace

void watch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) sigaction(number, &action, nullptr);
}

void kill_at_second_signal(pid_t worker) {
  for (auto& place : workers)
    if (pid_t none = 0; place.compare_exchange_strong(none, worker)) return;
}

void forget_worker(pid_t worker) {
  for (auto& place : workers)
    if (pid_t found = worker; place.compare_exchange_strong(found, 0)) return;
}

bool die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return ::getppid() == parent;  // else it died before prctl()
}

void watch_parent() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGALRM, SIG_DFL);
  expected_parent = ::getppid();
  ::prctl(PR_SET_PDEATHSIG, SIGUSR1);
  pollfd reader{STDOUT_FILENO, 0, 0};
  if (::poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR)) {
    stop_flag = 1;  // nobody reads standard output: the parent died before prctl()
    ::alarm(kSavingSeconds);
  }
  limit_if_orphaned();
}

bool stop_requested() { return stop_flag != 0; }

void request_stop() { stop_flag = 1; }

}  // namespace lcr
