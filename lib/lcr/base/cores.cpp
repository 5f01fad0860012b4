#include "lcr/base/cores.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include <sched.h>

#include "lcr/base/text.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// The blank-separated words of each line; none if the file cannot be read. Not read_lines(): the
/// kernel's files state no size.
std::vector<std::vector<std::string>> words(const fs::path& path) {
  std::vector<std::vector<std::string>> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(split(line, ' '));
  return lines;
}

bool lists_cpu(const std::string& names) {
  const auto all = split(names, ',');
  return std::find(all.begin(), all.end(), "cpu") != all.end();
}

/// Where cgroups of one hierarchy are mounted: `root` of the hierarchy is at `point`.
struct Mount {
  fs::path point, root;
  bool version2 = false;
};

/// The mounts of the hierarchies that may set CPU quotas.
std::vector<Mount> cpu_mounts(const fs::path& root) {
  std::vector<Mount> mounts;
  // "30 23 0:26 ROOT POINT rw,nosuid shared:4 - cgroup cgroup rw,cpu,cpuacct", where any number of
  // fields is before the dash.
  for (const auto& line : words(root / "proc/self/mountinfo")) {
    const auto dash = std::find(line.begin(), line.end(), "-");
    if (line.end() - dash < 4 || dash - line.begin() < 5) continue;
    const bool version2 = dash[1] == "cgroup2";
    if (version2 || (dash[1] == "cgroup" && lists_cpu(dash[3])))
      mounts.push_back({root / fs::path(line[4]).relative_path(), line[3], version2});
  }
  return mounts;
}

/// The quota of one cgroup.
std::optional<double> quota_in(const fs::path& folder, bool version2) {
  const std::vector<const char*> files =
      version2 ? std::vector{"cpu.max"} : std::vector{"cpu.cfs_quota_us", "cpu.cfs_period_us"};
  std::vector<std::string> numbers;  // quota and period in microseconds
  for (const char* name : files)
    for (const auto& line : words(folder / name))
      numbers.insert(numbers.end(), line.begin(), line.end());
  if (numbers.size() != 2) return std::nullopt;
  // Without a quota it is "max" or -1.
  const auto quota = parse_integer(numbers[0]), period = parse_integer(numbers[1]);
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

/// The part of a cgroup's path that is below the mount. Empty if the path is not below it, as seen
/// from another namespace: the mount shows the process's own cgroup then.
fs::path path_below(const Mount& mount, const fs::path& cgroup) {
  const fs::path below = cgroup.lexically_relative(mount.root);
  const bool outside = below == "." || std::find(below.begin(), below.end(), "..") != below.end();
  return outside ? fs::path() : below;
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> smallest;
  const auto mounts = cpu_mounts(root);
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "4:cpu,cpuacct:PATH" or "0::PATH"
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && !lists_cpu(controllers)) continue;
    for (const auto& mount : mounts) {
      if (mount.version2 != controllers.empty()) continue;
      // The quotas of all groups around the process's own hold for it too.
      fs::path folder = mount.point;
      const auto consider = [&] {
        if (const auto quota = quota_in(folder, mount.version2))
          smallest = std::min(smallest.value_or(*quota), *quota);
      };
      consider();
      for (const auto& part : path_below(mount, line.substr(second + 1))) {
        folder /= part;
        consider();
      }
    }
  }
  return smallest;
}

int usable_cores() {
  cpu_set_t set;
  int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
  if (const auto quota = cpu_quota(); quota && *quota < cores)
    cores = static_cast<int>(std::ceil(*quota));
  return cores;
}

}  // namespace lcr
