#include "lcr/base/system_command.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lcr/base/error.h"

namespace lcr {
namespace {

/// A file without a name that takes what a program writes, however much.
class Catch {
 public:
  Catch() : file_(::memfd_create("lcr", MFD_CLOEXEC)) {
    if (file_ < 0) fail("no file for a program's output can be made: {}", std::strerror(errno));
  }
  ~Catch() { ::close(file_); }
  Catch(const Catch&) = delete;
  Catch& operator=(const Catch&) = delete;
  int file() const { return file_; }
  std::string text() const {
    std::string text(static_cast<std::size_t>(::lseek(file_, 0, SEEK_END)), '\0');
    const ssize_t got = ::pread(file_, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  int file_;
};

}  // namespace

std::optional<CommandOutcome> run_command(const std::vector<std::string>& words) {
  const Catch out, errors;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.file(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, errors.file(), STDERR_FILENO);
  std::vector<char*> pointers;
  for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  pid_t process = 0;
  const int error =
      ::posix_spawnp(&process, pointers.front(), &actions, nullptr, pointers.data(), ::environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return std::nullopt;
  if (error != 0) fail("{}: cannot be started: {}", words.front(), std::strerror(error));
  int status = 0;
  while (::waitpid(process, &status, 0) < 0)
    if (errno != EINTR) fail("{}: {}", words.front(), std::strerror(errno));
  return CommandOutcome{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                        out.text(), errors.text()};
}

}  // namespace lcr
