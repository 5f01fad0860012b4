// Google Benchmark with the device's name in the context of its results, because lcr-check
// throughput compares per device.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/base/memory.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/numeric_libraries.h"
#include "lcr/experiment/version.h"
#include "lcr/model/kernels/kernels.h"

int main(int argc, char** argv) {
  const bool pages = lcr::request_huge_pages(), blas = lcr::request_blas_kernels();
  if (pages || blas) ::execv("/proc/self/exe", argv);
  return lcr::run_main("lcr-benchmark", [&] {
    lcr::keep_freed_memory();  // as the programs do
    benchmark::AddCustomContext("device", lcr::device_name(torch::kCPU));
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
