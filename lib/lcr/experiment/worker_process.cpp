#include "lcr/experiment/worker_process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lcr/base/signals.h"

namespace lcr {
namespace {

/// This process's environment with changes, as "NAME=value".
std::vector<std::string> changed_environment(
    const std::vector<std::pair<std::string, std::optional<std::string>>>& changes) {
  std::vector<std::string> all;
  for (char** entry = ::environ; *entry; ++entry) {
    const std::string_view text = *entry;
    if (std::none_of(changes.begin(), changes.end(),
                     [&](const auto& change) { return text.starts_with(change.first + "="); }))
      all.emplace_back(text);
  }
  for (const auto& [name, value] : changes)
    if (value) all.push_back(name + "=" + *value);
  return all;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const auto& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

}  // namespace

WorkerProcess start_process(
    const std::vector<std::string>& arguments,
    const std::vector<std::pair<std::string, std::optional<std::string>>>& environment) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
  std::vector<std::string> words = {::program_invocation_name};  // the name in its messages
  words.insert(words.end(), arguments.begin(), arguments.end());
  const auto variables = changed_environment(environment);
  const auto argument_pointers = pointers(words), variable_pointers = pointers(variables);
  const pid_t parent = ::getpid();
  const pid_t process = ::fork();
  if (process == 0) {
    // Only async-signal-safe calls: a thread may have held any lock.
    if (die_with(parent) && ::dup2(ends[1], STDOUT_FILENO) >= 0)
      ::execve("/proc/self/exe", argument_pointers.data(), variable_pointers.data());
    ::_exit(kInternalError);
  }
  const int error = errno;
  ::close(ends[1]);
  if (process < 0) {
    ::close(ends[0]);
    throw std::runtime_error(std::string("cannot start a worker: ") + std::strerror(error));
  }
  kill_at_second_signal(process);
  return {process, ends[0]};
}

bool read_lines(WorkerProcess& process, const std::function<void(std::string_view line)>& receive) {
  char block[4096];
  const ssize_t got = ::read(process.pipe, block, sizeof block);
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  if (got == 0) return false;
  process.unread.append(block, static_cast<std::size_t>(got));
  for (std::size_t end; (end = process.unread.find('\n')) != std::string::npos;
       process.unread.erase(0, end + 1))
    receive(std::string_view(process.unread).substr(0, end));
  return true;
}

Ending wait_for(const WorkerProcess& process) {
  ::close(process.pipe);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(process.id), &info, WEXITED | WNOWAIT) < 0 &&
         errno == EINTR) {
  }
  forget_worker(process.id);  // while its id is still its own
  int status = 0;
  while (::waitpid(process.id, &status, 0) < 0)
    if (errno != EINTR) return {};
  if (WIFEXITED(status)) return {WEXITSTATUS(status)};
  if (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGUSR1)
    return {kStopped};
  return {kInternalError, WTERMSIG(status)};
}

}  // namespace lcr
