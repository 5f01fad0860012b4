#include "lcr/base/signals.h"

#include <csignal>
#include <initializer_list>

#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace lcr {
namespace {

volatile std::sig_atomic_t stop_flag = 0, user_asked = 0;

void on_signal(int number) {
  stop_flag = 1;
  if (number == SIGUSR1) return;
  if (user_asked) {
    std::signal(number, SIG_DFL);
    std::raise(number);  // takes effect when this handler returns
  }
  user_asked = 1;
}

}  // namespace

void watch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) sigaction(number, &action, nullptr);
}

void watch_parent() {
  std::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, SIGUSR1);
  pollfd reader{STDOUT_FILENO, 0, 0};
  if (::poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR))
    stop_flag = 1;  // nobody reads standard output: the parent died before prctl()
}

bool stop_requested() { return stop_flag != 0; }

}  // namespace lcr
