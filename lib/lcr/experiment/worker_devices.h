// Which CUDA devices the workers of a program compute on.
#pragma once

#include <vector>

#include <torch/types.h>

#include "lcr/config/options.h"

namespace lcr {

/// How many CUDA devices the workers take in turn: all of the machine's, if `device`, which
/// --device has given, was its first without being named. 0 if all workers use `device`.
int shared_devices(const Options& control, const torch::Device& device);

/// Consecutive devices of one worker: `count` of them starting at `first`, after the last one the
/// first again.
struct DeviceRange {
  int first = 0, count = 1;
};

/// The devices for a worker with `ranks` ranks beside those that run: the ones that the fewest
/// others use, and of these the first. Workers with one rank that start one after another thus get
/// device 0, 1, 2, ... in turn.
DeviceRange next_devices(const std::vector<DeviceRange>& running, int ranks, int devices);

}  // namespace lcr
