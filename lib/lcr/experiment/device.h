// Devices, threads, and the description of where something ran.
#pragma once

#include <string>

#include <torch/types.h>

#include "lcr/config/options.h"
#include "lcr/record/run_store.h"

namespace lcr {

/// Parses "auto" (the first CUDA device if there is one, else the CPU), "cpu", "cuda" or "cuda:N".
/// Throws UserError if the name is invalid, this LibTorch has no CUDA support, or the machine has
/// no such device.
torch::Device resolve_device(const std::string& name);

/// The value of --threads, where 0 means usable_cores().
int resolve_threads(const Options& options);

/// Sets LibTorch's threads (its own default can be 1) and, if the options ask for them, full
/// float32 precision (no TF32) and deterministic operations.
void configure_libtorch(const Options& options, int threads);

/// The provenance to record for a run on this device.
Provenance describe_provenance(const Options& options, const torch::Device& device, int threads);

/// The name of the CPU or GPU.
std::string device_name(const torch::Device& device);

/// Largest resident set of this process so far, in MiB.
double peak_memory_mib();

/// The most memory that LibTorch has held on the device, in MiB: what the GPU must have. 0 for the
/// CPU.
double peak_gpu_memory_mib(const torch::Device& device);

}  // namespace lcr
