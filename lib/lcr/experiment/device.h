// Devices, threads, and the description of where something ran.
#pragma once

#include <string>

#include <torch/types.h>

#include "lcr/record/options.h"
#include "lcr/record/run_store.h"

namespace lcr {

/// "auto" (the first CUDA device if there is one, else the CPU), "cpu", "cuda", "cuda:N". Throws
/// UserError saying whether this LibTorch has no CUDA or the machine no such device.
torch::Device resolve_device(const std::string& name);

/// --threads, with 0 for all the cores this process may use.
int resolve_threads(const Options& options);

/// Sets LibTorch's threads (its own default can be one), float32 that is float32 (no TF32), and
/// deterministic operations where the options say so.
void configure_libtorch(const Options& options, int threads);

/// What stands in the record of a run on this device.
Provenance describe_provenance(const Options& options, const torch::Device& device, int threads);

/// The CPU's or GPU's name.
std::string device_name(const torch::Device& device);

/// Largest resident set of this process so far, in MiB.
double peak_memory_mib();

}  // namespace lcr
