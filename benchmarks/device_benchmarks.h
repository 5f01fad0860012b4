// Benchmarks that can run on a CUDA device.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <benchmark/benchmark.h>
#include <torch/types.h>

namespace lcr {

/// Training steps on the device, with the settings that fit it.
void register_training_steps(const torch::Device& device);

/// Views rendered by a CUDA device; nothing in a build without CUDA kernels.
void register_device_views(const torch::Device& device);

/// The highest clocks of a CUDA device, "1980 MHz, memory 3201 MHz"; empty for the CPU.
std::string highest_clocks(const torch::Device& device);

/// What waits until the device has done its work; null for the CPU, which never lags behind.
std::function<void()> settle(const torch::Device& device);

/// Calls `one` untimed: libraries choose and prepare their kernels, a GPU raises its clock.
void warm_up(const torch::Device& device, const std::function<void()>& one);

/// Times `one`, which takes `samples` samples: the device has done all work when the clock stops.
/// On CUDA reports the most memory that LibTorch has held meanwhile, in bytes.
void time_on_device(benchmark::State& state, const torch::Device& device, std::int64_t samples,
                    const std::function<void()>& one);

}  // namespace lcr
