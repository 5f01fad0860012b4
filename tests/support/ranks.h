// Ranks as threads of the test.
#pragma once

#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include <c10/core/DeviceGuard.h>
#include <torch/cuda.h>

#include "lcr/base/error.h"
#include "lcr/base/sockets.h"
#include "lcr/method/process_group.h"
#include "tests/support/networks.h"

namespace lcr::testing {

/// The device of a rank: its own CUDA device if LCR_TEST_DEVICE is cuda and the machine has one for
/// each, as NCCL wants it; else the CPU.
inline torch::Device rank_device(int rank, int size) {
  const torch::Device device = test_device();
  if (device.is_cpu() || size == 1) return device;
  if (static_cast<int>(torch::cuda::device_count()) < size) return torch::kCPU;
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(rank)};
}

/// Runs body(group) as each of `size` ranks at once, each on its own thread and with messages on
/// device_of(rank); one rank on the calling thread. Rethrows the exception of a rank that failed by
/// itself, else of one that lost another.
inline void run_ranks(
    int size, const std::function<void(const ProcessGroup& group)>& body,
    const std::function<torch::Device(int rank)>& device_of = [](int) { return torch::kCPU; }) {
  if (size == 1) return body(ProcessGroup());
  const ReservedPort port;
  std::vector<std::exception_ptr> own(static_cast<std::size_t>(size)), lost = own;
  {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < size; ++rank)
      threads.emplace_back([&, rank] {
        const auto index = static_cast<std::size_t>(rank);
        try {
          const torch::Device device = device_of(rank);
          const c10::OptionalDeviceGuard guard(device);
          body(ProcessGroup({.rank = rank, .size = size, .port = port.number()}, device,
                            std::chrono::seconds(60)));
        } catch (const LostRank&) {
          lost[index] = std::current_exception();
        } catch (...) {
          own[index] = std::current_exception();
        }
      });
  }
  for (const auto& errors : {own, lost})
    for (const auto& error : errors)
      if (error) std::rethrow_exception(error);
}

/// The same, with messages on rank_device().
inline void run_ranks_on_test_device(int size,
                                     const std::function<void(const ProcessGroup& group)>& body) {
  run_ranks(size, body, [size](int rank) { return rank_device(rank, size); });
}

}  // namespace lcr::testing
