#include "lcr/experiment/task_commands.h"

#include <algorithm>
#include <filesystem>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"

namespace lcr {

std::string shell_command(const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {
      shell_word(std::filesystem::read_symlink("/proc/self/exe").string())};
  for (const auto& argument : arguments) words.push_back(shell_word(argument));
  return join(words, " ");
}

void print_commands(const std::vector<WorkerTask>& tasks) {
  if (tasks.empty()) return;
  const int stage = tasks.front().stage;  // the lowest: tasks are in the order of their stages
  int ranks = 1;
  std::size_t waiting = 0;
  for (const auto& task : tasks) {
    if (task.stage != stage) {
      ++waiting;
      continue;
    }
    ranks = std::max(ranks, task.ranks);
    fmt::print("{}\n", shell_command(task.arguments));
  }
  if (ranks > 1)
    say("a launcher starts the {} ranks of a run: put 'torchrun --no_python --nproc_per_node {}', "
        "'mpirun -np {}' or 'srun -n {}' before its command\n",
        ranks, ranks, ranks, ranks);
  if (waiting > 0)
    say("{} further runs start from the results of these: ask again when they are done\n", waiting);
}

}  // namespace lcr
