// How many cores this process may use.
#pragma once

#include <filesystem>
#include <optional>

namespace lcr {

/// The smallest CPU quota that the cgroups of this process set, in cores ("docker run --cpus 1.5":
/// 1.5), or nothing if none does. Reads proc/self/cgroup, proc/self/mountinfo and the cgroups'
/// files, of version 1 and 2, below `root`.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

/// The number of cores of this process's affinity, but no more than its CPU quota, rounded up.
int usable_cores();

}  // namespace lcr
