#include "lcr/experiment/worker_devices.h"

#include <gtest/gtest.h>

#include "lcr/config/command_line.h"
#include "lcr/experiment/checkpoints.h"
#include "lcr/experiment/control_options.h"

namespace lcr {
namespace {

/// The first devices of `workers` workers that start one after another.
std::vector<int> first_devices(int workers, int ranks, int devices) {
  std::vector<DeviceRange> running;
  std::vector<int> firsts;
  for (int i = 0; i < workers; ++i) {
    running.push_back(next_devices(running, ranks, devices));
    firsts.push_back(running.back().first);
    EXPECT_EQ(running.back().count, ranks);
  }
  return firsts;
}

TEST(WorkerDevices, AsManyRunsAsDevicesUnlessJobsSaysOtherwise) {
  EXPECT_EQ(runs_at_a_time(0, 0, 1), 1) << "on the CPU";
  EXPECT_EQ(runs_at_a_time(0, 8, 1), 8);
  EXPECT_EQ(runs_at_a_time(0, 8, 3), 2);
  EXPECT_EQ(runs_at_a_time(0, 2, 4), 1);
  EXPECT_EQ(runs_at_a_time(3, 8, 1), 3);
}

TEST(WorkerDevices, WorkersTakeTheDevicesInTurn) {
  EXPECT_EQ(first_devices(6, 1, 4), (std::vector<int>{0, 1, 2, 3, 0, 1}));
  EXPECT_EQ(first_devices(3, 1, 1), (std::vector<int>{0, 0, 0}));
  // A run of several ranks has consecutive devices of its own.
  EXPECT_EQ(first_devices(5, 2, 8), (std::vector<int>{0, 2, 4, 6, 0}));
  EXPECT_EQ(first_devices(2, 4, 4), (std::vector<int>{0, 0}));
}

TEST(WorkerDevices, WhatEndsMakesRoomForTheNext) {
  // The worker on device 1 has ended.
  EXPECT_EQ(next_devices({{.first = 0}, {.first = 2}}, 1, 3).first, 1);
  // Two ranks from device 3 on use 3 and, after the last, 0.
  EXPECT_EQ(next_devices({{.first = 3, .count = 2}}, 2, 4).first, 1);
  // One rank beside two pairs.
  EXPECT_EQ(next_devices({{.first = 0, .count = 2}, {.first = 3, .count = 2}}, 1, 6).first, 2);
}

TEST(WorkerDevices, ADeviceThatIsNamedIsNotShared) {
  const auto shared = [](const char* name, const torch::Device& device) {
    Options options;
    options.get<ExecutionOptions>().device = name;
    return shared_devices(options, device);
  };
  EXPECT_EQ(shared("cuda:1", {torch::kCUDA, 1}), 0);
  EXPECT_EQ(shared("auto", torch::kCPU), 0);
  EXPECT_EQ(shared("cpu", torch::kCPU), 0);
  // The worker's own --device takes the place of the program's.
  EXPECT_EQ(
      without_options({"--device", "cuda", "--jobs=2", "--device=auto", "--dry-run"}, {"device"}),
      (std::vector<std::string>{"--jobs=2", "--dry-run"}));
}

TEST(WorkerDevices, FewerRunAfterMemoryRanOut) {
  // On the host, or on one device: one fewer, down to one.
  EXPECT_EQ(fewer_workers(5, 1), 4);
  EXPECT_EQ(fewer_workers(2, 1), 1);
  EXPECT_EQ(fewer_workers(1, 1), 1);
  // On four devices: one fewer on each, as long as some share one.
  EXPECT_EQ(fewer_workers(12, 4), 8);
  EXPECT_EQ(fewer_workers(8, 4), 4);
  EXPECT_EQ(fewer_workers(5, 4), 4);
  EXPECT_EQ(fewer_workers(4, 4), 3);
  EXPECT_EQ(fewer_workers(1, 4), 1);
}

TEST(WorkerDevices, ARunResumesOnAnotherDeviceOfTheSameKind) {
  // The conditions of a bit-exact continuation name the kind of device, not which one it was.
  const Provenance provenance{.device = "NVIDIA H200", .libtorch = "2.11.0"};
  Options first, second;
  first.get<ExecutionOptions>().device = "cuda:0";
  second.get<ExecutionOptions>().device = "cuda:3";
  EXPECT_EQ(describe_environment(first, provenance, /*cuda=*/true),
            describe_environment(second, provenance, /*cuda=*/true));
}

}  // namespace
}  // namespace lcr
