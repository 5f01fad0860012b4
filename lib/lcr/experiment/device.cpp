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
#endif

#include "lcr/base/cores.h"
#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/numeric_libraries.h"
#include "lcr/experiment/version.h"
#include "lcr/method/host_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/kernels/kernels.h"
#include "lcr/model/model_options.h"

namespace lcr {

torch::Device resolve_device(const std::string& name) {
  if (name == "cpu") return torch::kCPU;
  const auto devices =
      static_cast<std::int64_t>(torch::cuda::is_available() ? torch::cuda::device_count() : 0);
  if (name == "auto")
    return devices > 0 ? torch::Device(torch::kCUDA, 0) : torch::Device(torch::kCPU);
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

void configure_libtorch(const Options& options, int threads) {
  at::set_num_threads(threads);
  reserve_blas_buffers(std::max(threads, static_cast<int>(options.get<BatchOptions>().ranks)));
  const bool tf32 = options.get<PrecisionOptions>().precision != "float32";
  at::globalContext().setAllowTF32CuDNN(tf32);
  at::globalContext().setAllowTF32CuBLAS(tf32);
  if (options.get<ExecutionOptions>().deterministic) {
    // cuBLAS is deterministic only with this setting, made before its first use.
    ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setBenchmarkCuDNN(false);
  }
}

Provenance describe_provenance(const Options& options, const torch::Device& device, int threads) {
  Provenance provenance;
  provenance.commit = kCommit;
  provenance.device = device_name(device);
  provenance.libtorch = TORCH_VERSION;
  const std::string config = at::show_config();
  provenance.libraries = numeric_libraries();
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
