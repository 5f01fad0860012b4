// Which CUDA devices the workers of a program compute on.
#pragma once

#include <vector>

#include <torch/types.h>

#include "lcr/config/options.h"

namespace lcr {

/// How many CUDA devices the workers take in turn: all of the machine's, if `device`, which
/// --device has given, was its first without being named. 0 if all workers use `device`.
int shared_devices(const Options& control, const torch::Device& device);

/// How many runs are trained at the same time: --jobs, or if that is 0, as many as there are shared
/// devices for `ranks` each, at least 1.
int runs_at_a_time(std::int64_t jobs, int devices, std::int64_t ranks);

/// Consecutive devices of one worker: `count` of them starting at `first`, after the last one the
/// first again.
struct DeviceRange {
  int first = 0, count = 1;
};

/// The devices for a worker with `ranks` ranks beside those that run: the ones that the fewest
/// others use, and of these the first. Workers with one rank that start one after another thus get
/// device 0, 1, 2, ... in turn.
DeviceRange next_devices(const std::vector<DeviceRange>& running, int ranks, int devices);

/// How many workers may run side by side after one of `running` found no memory, at least 1.
/// groups: how many can run without sharing memory, as many as there are devices, or 1 on the host.
/// If more than that ran, the largest multiple below: one fewer on each device; else one fewer.
int fewer_workers(int running, int groups);

}  // namespace lcr
