#include "lcr/record/slurm_queue.h"

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/system_command.h"
#include "lcr/base/text.h"

namespace lcr {
namespace fs = std::filesystem;

fs::path submissions_folder(const fs::path& store) { return store / ".slurm"; }

std::map<std::string, QueuedRun> queued_runs(const fs::path& store) {
  std::map<std::string, QueuedRun> runs;
  const fs::path folder = submissions_folder(store);
  if (!fs::is_directory(folder)) return runs;
  // One line per task: the job's name, the array's id, the task's index, and its state.
  const auto answer = run_command({"squeue", "--noheader", "--array", "--format=%j|%F|%K|%T"});
  if (!answer)
    fail("{}: was given to Slurm, but squeue is not in PATH: ask on a machine of the cluster",
         folder.string());
  if (answer->code != 0)
    fail("squeue: {}", printable(answer->errors.substr(0, answer->errors.find('\n'))));
  std::map<std::string, std::vector<std::string>> tables;
  for (const auto& line : split(answer->out, '\n')) {
    const auto fields = split(line, '|');
    if (fields.size() != 4) continue;
    const auto point = fields[0].find('.');
    const auto index = parse_integer(fields[2]);
    if (point == std::string::npos || !index || *index < 0) continue;
    const fs::path file =
        folder / fields[0].substr(0, point) / (fields[0].substr(point + 1) + ".tsv");
    // Jobs of others may have any name.
    if (fields[0].find('/') != std::string::npos || !fs::is_regular_file(file)) continue;
    auto& table = tables[file];
    if (table.empty()) table = read_lines(file);
    if (static_cast<std::size_t>(*index) >= table.size()) continue;
    const auto columns = split(table[static_cast<std::size_t>(*index)], '\t');
    if (columns.size() < 2) continue;
    runs[columns[1]] = {fields[1], fields[2], fields[3],
                        static_cast<int>(parse_integer(columns[0]).value_or(1))};
  }
  return runs;
}

}  // namespace lcr
