// What makes two runs the same run: the canonical text and its SHA-256.
#pragma once

#include <cstdint>
#include <string>

#include "lcr/record/options.h"

namespace lcr {

/// Raised by whoever changes numerics (an initialisation, an operation's order, the RNG's use), so
/// that older runs are not taken for new ones. The ten-step fingerprints in tests/ guard it.
inline constexpr int kNumericsRevision = 3;

/// What is part of a run's identity besides the options.
struct RunInputs {
  std::uint64_t seed = 0;
  std::string
      data_fingerprint;  ///< SHA-256 of the images, labels and their order that the run uses
  std::string init;  ///< initial weights: SHA-256 of their file, or "run <hash>" of the run that
                     ///< made them; empty: random
};

/// "name=value" lines, sorted: all active identity options that differ from their defaults, and the
/// inputs. `with_seed = false` gives the text of the configuration, shared by its seeds.
std::string canonical_text(const Options& options, const RunInputs& inputs, bool with_seed = true);

/// The identity of one run.
struct RunIdentity {
  std::string text;         ///< canonical text
  std::string hash;         ///< SHA-256 of it, 64 digits
  std::string config_hash;  ///< SHA-256 of the text without the seed
  RunInputs inputs;         ///< what it was made from, besides the options
  std::string directory;    ///< "<dataset>-<method>-<first 12 digits>-s<seed>"
};

RunIdentity identify_run(const Options& options, const RunInputs& inputs);

}  // namespace lcr
