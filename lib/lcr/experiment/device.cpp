#include "lcr/experiment/device.h"

#include <fstream>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <sys/resource.h>
#include <torch/cuda.h>
#include <torch/version.h>

#ifdef LCR_WITH_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_runtime_api.h>
#endif

#include "lcr/base/cores.h"
#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/numeric_libraries.h"
#include "lcr/experiment/version.h"
#include "lcr/method/host_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/device_form.h"
#include "lcr/model/kernels/kernels.h"
#include "lcr/model/model_options.h"
#include "lcr/model/torch_compat.h"

namespace lcr {
namespace {

/// Says once per process that a build for GPUs takes the CPU: a driver that is too old looks to
/// LibTorch like no GPU at all.
void warn_about_missing_gpu() {
#ifdef LCR_WITH_CUDA
  static const bool said = [] {
    say("warning: device = auto takes the CPU: LibTorch finds no GPU, or its driver is older than "
        "CUDA {}.{} needs; --device cpu silences this\n",
        CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
    return true;
  }();
  (void)said;
#endif
}

}  // namespace

torch::Device resolve_device(const std::string& name) {
  if (name == "cpu") return torch::kCPU;
  const auto devices =
      static_cast<std::int64_t>(torch::cuda::is_available() ? torch::cuda::device_count() : 0);
  if (name == "auto") {
    if (devices == 0) warn_about_missing_gpu();
    return devices > 0 ? torch::Device(torch::kCUDA, 0) : torch::Device(torch::kCPU);
  }
  std::int64_t index = 0;
  if (name != "cuda") {
    const auto number = name.starts_with("cuda:") ? parse_integer(name.substr(5)) : std::nullopt;
    if (!number || *number < 0 || *number > 127)
      fail("device = '{}': choose auto, cpu, cuda or cuda:N", name);
    index = *number;
  }
  if (devices == 0) {
#ifdef LCR_WITH_CUDA
    fail("device = '{}': LibTorch finds no CUDA device on this machine; use --device cpu", name);
#else
    fail(
        "device = '{}': this build's LibTorch {} has no CUDA support; build with one that has it "
        "(README, 'GPU') or use --device cpu",
        name, TORCH_VERSION);
#endif
  }
  if (index >= devices) fail("device = '{}': there are only {} CUDA devices", name, devices);
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

int resolve_threads(const Options& options) {
  if (options.get<ExecutionOptions>().threads > 0)
    return static_cast<int>(options.get<ExecutionOptions>().threads);
  return usable_cores();
}

std::string device_name(const torch::Device& device) {
#ifdef LCR_WITH_CUDA
  if (device.is_cuda()) return at::cuda::getDeviceProperties(device.index())->name;
#else
  (void)device;
#endif
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name"))
      return line.substr(std::min(line.size(), line.find(':') + 2));
  return "CPU";
}

double peak_memory_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

double peak_gpu_memory_mib(const torch::Device& device) {
#ifdef LCR_WITH_CUDA
  if (device.is_cuda()) {
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
    return static_cast<double>(stats.reserved_bytes[0].peak) / (1024.0 * 1024.0);  // all pools
  }
#else
  (void)device;
#endif
  return 0;
}

void configure_libtorch(const Options& options, int threads) {
  at::set_num_threads(threads);
  reserve_blas_buffers(threads);
  // What is float32 is float32: embeddings, logits, the branch and evaluations in every precision.
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
  if (options.get<ExecutionOptions>().deterministic) {
    // cuBLAS is deterministic only with this setting, made before its first use.
    ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setBenchmarkCuDNN(false);
    compat::leave_new_tensors_unset();
  }
}

Provenance describe_provenance(const Options& options, const torch::Device& device, int threads) {
  Provenance provenance;
  provenance.commit = kCommit;
  provenance.device = device_name(device);
  provenance.libtorch = TORCH_VERSION;
  const std::string config = at::show_config();
  provenance.libraries = numeric_libraries(device.is_cuda());
#ifdef LCR_WITH_CUDA
  int driver = 0;
  if (device.is_cuda() && cudaDriverGetVersion(&driver) == cudaSuccess)
    provenance.libraries += fmt::format("CUDA driver={}\n", driver);
  if (device.is_cuda())
    provenance.libraries +=
        fmt::format("CUDA kernels={}\n", takes_device_form(device) ? "ours" : "LibTorch's");
#endif
  const std::string key = "CPU capability usage: ";
  const auto at = config.find(key);
  provenance.isa = "unknown";
  if (at != std::string::npos) {
    const auto start = at + key.size();
    provenance.isa = config.substr(start, config.find_first_of(",\n", start) - start);
  }
  provenance.isa += fmt::format(", loops {}", kernels::kernels().name);
  provenance.compiler = kCompiler;
  provenance.precision =
      method_of(options).has_network ? options.get<PrecisionOptions>().precision : "float32";
  provenance.threads = threads;
  return provenance;
}

}  // namespace lcr
