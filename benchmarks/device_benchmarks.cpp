#include "benchmarks/device_benchmarks.h"

#include <torch/cuda.h>

#include "lcr/experiment/device.h"

#ifdef LCR_WITH_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_runtime_api.h>
#include <fmt/core.h>
#endif

namespace lcr {

std::string highest_clocks([[maybe_unused]] const torch::Device& device) {
  std::string text;
#ifdef LCR_WITH_CUDA
  int core = 0, memory = 0;  // kHz
  if (device.is_cuda() &&
      cudaDeviceGetAttribute(&core, cudaDevAttrClockRate, device.index()) == cudaSuccess &&
      cudaDeviceGetAttribute(&memory, cudaDevAttrMemoryClockRate, device.index()) == cudaSuccess)
    text = fmt::format("{} MHz, memory {} MHz", core / 1000, memory / 1000);
#endif
  return text;
}

std::function<void()> settle(const torch::Device& device) {
  if (!device.is_cuda()) return nullptr;
  return [index = device.index()] { torch::cuda::synchronize(index); };
}

void warm_up(const torch::Device& device, const std::function<void()>& one) {
  for (int i = 0; i < (device.is_cuda() ? 20 : 2); ++i) one();
  if (const auto wait = settle(device)) wait();
}

void time_on_device(benchmark::State& state, const torch::Device& device, std::int64_t samples,
                    const std::function<void()>& one) {
#ifdef LCR_WITH_CUDA
  if (device.is_cuda()) {  // forget the memory of warming up and of the benchmarks before
    c10::cuda::CUDACachingAllocator::emptyCache();
    c10::cuda::CUDACachingAllocator::resetPeakStats(device.index());
  }
#endif
  const auto wait = settle(device);
  benchmark::IterationCount done = 0;
  for ([[maybe_unused]] auto iteration : state) {
    one();
    if (++done == state.max_iterations && wait) wait();
  }
  state.SetItemsProcessed(state.iterations() * samples);
  if (device.is_cuda())
    state.counters["peak bytes"] = benchmark::Counter(peak_gpu_memory_mib(device) * (1 << 20));
}

}  // namespace lcr
