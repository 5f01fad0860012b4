#include "tools/run_program.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/base/signals.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {
namespace fs = std::filesystem;

/// A call as execv() takes it.
class Command {
 public:
  explicit Command(const ProgramCall& call)
      : path_((fs::read_symlink("/proc/self/exe").parent_path() / call.program).string()),
        arguments_(call.arguments) {
    if (::access(path_.c_str(), X_OK) != 0)
      fail("{}: {}; build or install the suite as a whole (make build)", path_,
           std::strerror(errno));
    words_.push_back(path_.data());
    for (auto& argument : arguments_) words_.push_back(argument.data());
    words_.push_back(nullptr);
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  /// Returns only if the program cannot be started.
  void execute() const { ::execv(words_.front(), words_.data()); }
  [[noreturn]] void explain() const {
    fail("{}: cannot be started: {}", path_, std::strerror(errno));
  }

 private:
  std::string path_;
  std::vector<std::string> arguments_;
  std::vector<char*> words_;
};

volatile pid_t running = 0;
volatile std::sig_atomic_t asked_by = 0;

/// Asks the program to stop by the signal that its workers get too: it may come any number of
/// times, and a terminal's Ctrl-C reaches the program itself as well.
void pass_on(int number) {
  const int error = errno;
  asked_by = number;
  if (running > 0) ::kill(running, SIGUSR1);
  errno = error;
}

/// While it lives, SIGINT and SIGTERM are blocked.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set, &before_);
  }
  ~BlockedSignals() { release(); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  void release() const { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

void watch() {
  struct sigaction action {};
  action.sa_handler = pass_on;
  sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
}

/// Ends this process as the signal ends one that does not handle it.
void die_by(int number) {
  std::signal(number, SIG_DFL);
  std::raise(number);
}

/// Waits for a program to end. Returns its status as waitpid() gives it.
int wait_for(pid_t process, const Command& command) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0)
    if (errno != EINTR) command.explain();
  return status;
}

}  // namespace

void become_program(const ProgramCall& call) {
  const Command command(call);
  command.execute();
  command.explain();
}

int run_program(const ProgramCall& call) {
  const Command command(call);
  const pid_t parent = ::getpid();
  {
    const BlockedSignals blocked;  // none may come between fork() and the child's id
    running = ::fork();
    if (running == 0) {
      blocked.release();
      if (die_with(parent)) command.execute();
      ::_exit(kInternalError);
    }
    if (running < 0) command.explain();
    watch();
  }
  const int status = wait_for(running, command);
  running = 0;
  if (WIFSIGNALED(status)) {
    // A program that does not know SIGUSR1 dies by it, in place of the signal that came here.
    const int number = WTERMSIG(status);
    die_by(number == SIGUSR1 && asked_by != 0 ? asked_by : number);
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(kInternalError);
  return code == kDone && asked_by != 0 ? static_cast<int>(kStopped) : code;
}

std::string output_of(const ProgramCall& call) {
  const Command command(call);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) command.explain();
  const pid_t parent = ::getpid();
  const pid_t process = ::fork();
  if (process == 0) {
    if (die_with(parent) && ::dup2(ends[1], STDOUT_FILENO) >= 0) command.execute();
    ::_exit(kInternalError);
  }
  ::close(ends[1]);
  if (process < 0) command.explain();
  std::string output;
  char block[4096];
  for (ssize_t got; (got = ::read(ends[0], block, sizeof block)) != 0;) {
    if (got > 0) output.append(block, static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) break;
  }
  ::close(ends[0]);
  if (const int status = wait_for(process, command); status != 0)
    fail("{} {}: it failed (status {})", call.program, join(call.arguments, " "), status);
  return output;
}

}  // namespace lcr
