// Speed against a reference: medians of repeated measurements, per device, never across devices.
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
  std::string unit;    ///< "samples/s", "items/s", or "ns" of a benchmark without items
  std::vector<double> values;
  bool higher_is_better() const { return unit != "ns"; }
};

/// Training speeds of the runs in a results folder, by row, data set and configuration; a run that
/// several rows share counts once.
std::vector<Speed> read_training_speeds(const std::filesystem::path& results);

/// The repetitions of a Google Benchmark JSON file (--benchmark_format=json). Its context must name
/// the device, as lcr-benchmark's does ("device"). Throws UserError.
std::vector<Speed> read_benchmark_speeds(const std::filesystem::path& json);

/// <folder>/throughput.json: all entries of the devices measured are replaced, other devices' stay.
/// The old file is archived by its day.
void record_speeds(const std::filesystem::path& folder, const std::vector<Speed>& speeds);

/// Throws UserError if the file is missing, damaged, or of another format version.
std::vector<Speed> read_speeds(const std::filesystem::path& folder);

struct SpeedVerdict {
  Speed candidate;
  Verdict verdict = Verdict::kUndecided;
  std::string reason;
  double reference_median = 0, median = 0,
         change = 0;  ///< change: share of the reference's, above 0 if faster
  std::size_t reference_n = 0;
  double p = 1;  ///< of a slowdown, one-sided Mann-Whitney
};

struct SpeedGateOptions {
  double tolerance =
      0.07;  ///< a median slower by no more than this share passes, whatever a test says
  double alpha = 0.05;
};

/// Slower by more than the tolerance and p < alpha: regressed. Slower by more than it, but with too
/// few measurements for such a p: undecided. A device or name that the reference lacks, and a name
/// that the candidate lacks on a device of its own: undecided.
std::vector<SpeedVerdict> gate_speeds(const std::vector<Speed>& reference,
                                      const std::vector<Speed>& candidate,
                                      const SpeedGateOptions& options);

}  // namespace lcr::check
