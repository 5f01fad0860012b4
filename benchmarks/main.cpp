// Google Benchmark with the device's name in the context of its results, because lcr-check
// throughput compares per device.
#include <benchmark/benchmark.h>

#include "lcr/experiment/device.h"
#include "lcr/experiment/version.h"

int main(int argc, char** argv) {
  benchmark::AddCustomContext("device", lcr::device_name(torch::kCPU));
  benchmark::AddCustomContext("commit", lcr::kCommit);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
