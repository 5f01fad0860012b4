// What identifies a run: a canonical text and its SHA-256.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "lcr/config/options.h"

namespace lcr {

/// The parts of a run's identity other than its options.
struct RunInputs {
  std::uint64_t seed = 0;
  /// SHA-256 of the images and labels that the run uses, in their order.
  std::string data_fingerprint;
  /// The initial weights: SHA-256 of their file, or "run <hash>" of the run that made them; random
  /// if empty.
  std::string init;
  /// SHA-256 of the checkpoint of another program that the run was made from (import_run()); empty
  /// for a run that this suite trains.
  std::string imported;
  /// The latest revision of the numerics that the run may have; that of this program unless its
  /// records are older.
  int numerics = std::numeric_limits<int>::max();
};

/// canonical_text() (experiment/identify_run.h) for a given revision of the numerics.
std::string text_of_revision(const Options& options, const RunInputs& inputs, int revision,
                             bool with_seed = true);

/// The inputs that a canonical text with a seed names. Lines that are missing leave their input at
/// its default.
RunInputs inputs_of_text(const std::string& text);

/// The identity of one run.
struct RunIdentity {
  std::string text;         ///< canonical text
  std::string hash;         ///< SHA-256 of the text, 64 digits
  std::string config_hash;  ///< SHA-256 of the text without the seed
  RunInputs inputs;         ///< the inputs it was computed from
  std::string directory;    ///< "<dataset>-<method>-<first 12 digits>-s<seed>"
};

}  // namespace lcr
