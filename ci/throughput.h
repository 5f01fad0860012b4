// Speed against a reference: medians of repeated measurements, compared per device only.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ci/metric_gate.h"

namespace lcr::check {

/// Repeated measurements of one thing on one device.
struct Speed {
  std::string device;  ///< name of the CPU or GPU
  std::string name;    ///< "training: LCR (synthbirds, 0123456789ab)" or a benchmark's
  std::string unit;    ///< "samples/s", "items/s", or "ns" for a benchmark without items
  std::vector<double> values;
  bool higher_is_better() const { return unit != "ns"; }
};

/// Training speeds of the runs in a results folder, by row, data set and configuration; a run that
/// several rows share counts once.
std::vector<Speed> read_training_speeds(const std::filesystem::path& results);

/// The repetitions in a Google Benchmark JSON file (--benchmark_format=json). Throws UserError if
/// it is malformed or its context does not name the device, as lcr-benchmark's does ("device").
std::vector<Speed> read_benchmark_speeds(const std::filesystem::path& json);

/// Writes <folder>/throughput.json: replaces all entries of the measured devices, keeps those of
/// other devices. Archives the old file under its day.
void record_speeds(const std::filesystem::path& folder, const std::vector<Speed>& speeds);

/// Reads <folder>/throughput.json. Throws UserError if it is missing, damaged, or of another format
/// version.
std::vector<Speed> read_speeds(const std::filesystem::path& folder);

struct SpeedVerdict {
  Speed candidate;
  Verdict verdict = Verdict::kUndecided;
  std::string reason;
  double reference_median = 0, median = 0;
  double change = 0;  ///< relative to the reference's speed; above 0: faster
  std::size_t reference_n = 0;
  double p = 1;  ///< p-value of a slowdown, one-sided Mann-Whitney
};

struct SpeedGateOptions {
  /// A median slower by at most this share passes, whatever a test says.
  double tolerance = 0.07;
  double alpha = 0.05;
};

/// Regressed: slower by more than the tolerance and p < alpha. Undecided: slower by more than the
/// tolerance with too few measurements for such a p; a device or name that the reference lacks; a
/// name that the candidate lacks on one of its devices.
std::vector<SpeedVerdict> gate_speeds(const std::vector<Speed>& reference,
                                      const std::vector<Speed>& candidate,
                                      const SpeedGateOptions& options);

}  // namespace lcr::check
