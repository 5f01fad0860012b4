#include "lcr/experiment/worker_devices.h"

#include <algorithm>
#include <limits>

#include <torch/cuda.h>

#include "lcr/experiment/control_options.h"

namespace lcr {

int shared_devices(const Options& control, const torch::Device& device) {
  const std::string& name = control.get<ExecutionOptions>().device;
  if (!device.is_cuda() || name.starts_with("cuda:")) return 0;
  return static_cast<int>(torch::cuda::device_count());
}

int runs_at_a_time(std::int64_t jobs, int devices, std::int64_t ranks) {
  return static_cast<int>(jobs > 0 ? jobs : std::max<std::int64_t>(1, devices / ranks));
}

DeviceRange next_devices(const std::vector<DeviceRange>& running, int ranks, int devices) {
  std::vector<int> users(static_cast<std::size_t>(devices), 0);
  const auto at = [&](int device) -> int& {
    return users[static_cast<std::size_t>(device % devices)];
  };
  for (const auto& range : running)
    for (int i = 0; i < range.count; ++i) ++at(range.first + i);
  DeviceRange best{.first = 0, .count = ranks};
  int fewest = std::numeric_limits<int>::max();
  for (int first = 0; first < devices; ++first) {
    int others = 0;
    for (int i = 0; i < ranks; ++i) others += at(first + i);
    if (others >= fewest) continue;
    fewest = others;
    best.first = first;
  }
  return best;
}

int fewer_workers(int running, int groups) {
  return running > groups ? (running - 1) / groups * groups : std::max(1, running - 1);
}

}  // namespace lcr
