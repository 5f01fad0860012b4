// Google Benchmark with the device's name in the context of its results, because lcr-check
// throughput compares per device. --device cuda or cuda:N runs what runs on a CUDA device, and
// nothing else; the default is the CPU.
#include <benchmark/benchmark.h>
#include <c10/core/DeviceGuard.h>
#include <unistd.h>

#include "benchmarks/device_benchmarks.h"
#include "lcr/base/error.h"
#include "lcr/base/memory.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/numeric_libraries.h"
#include "lcr/experiment/version.h"
#include "lcr/model/kernels/kernels.h"

namespace lcr {
namespace {

/// The device of --device NAME or --device=NAME, which it takes out of the arguments; else the CPU.
torch::Device take_device(int& argc, char** argv) {
  const std::string name = "--device";
  std::string value = "cpu";
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == name) {
      if (++i == argc) fail("command line: --device needs a value: cpu, cuda or cuda:N");
      value = argv[i];
    } else if (argument.starts_with(name + "=")) {
      value = argument.substr(name.size() + 1);
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  return resolve_device(value);
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  const bool pages = lcr::request_huge_pages(), blas = lcr::request_blas_kernels();
  if (pages || blas) ::execv("/proc/self/exe", argv);
  return lcr::run_main("lcr-benchmark", [&] {
    lcr::keep_freed_memory();  // as the programs do
    const torch::Device device = lcr::take_device(argc, argv);
    const c10::OptionalDeviceGuard guard(device);
    if (device.is_cuda()) {
      benchmark::ClearRegisteredBenchmarks();  // those of the CPU
      lcr::register_device_views(device);
    }
    lcr::register_training_steps(device);
    benchmark::AddCustomContext("device", lcr::device_name(device));
    if (const auto clocks = lcr::highest_clocks(device); !clocks.empty())
      benchmark::AddCustomContext("highest clocks", clocks);
    benchmark::AddCustomContext("commit", lcr::kCommit);
    benchmark::AddCustomContext("CPU loops", lcr::kernels::kernels().name);
    benchmark::AddCustomContext("huge pages", lcr::huge_pages_state());
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return lcr::kBadInput;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return lcr::kDone;
  });
}
