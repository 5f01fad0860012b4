// What identifies a run: a canonical text and its SHA-256.
#pragma once

#include <cstdint>
#include <string>

#include "lcr/record/options.h"

namespace lcr {

/// Increment this with every change of the numerics (an initialisation, the order of operations,
/// the use of the RNG), so that older runs are not taken for new ones. The ten-step fingerprints in
/// tests/ detect such changes.
inline constexpr int kNumericsRevision = 5;

/// The last revision that changed the numbers of runs with these options. Revision 5 concerns only
/// the running statistics of the branch's batch norm, with several ranks or batch norm groups and
/// --gfb-bn-updates as_authors; all other runs of revision 4 stay valid.
int numerics_revision(const Options& options);

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
};

/// Sorted "name=value" lines: all active options of the kind kRun that differ from their defaults,
/// and the inputs. `with_seed = false` gives the text of the configuration, which its seeds share.
std::string canonical_text(const Options& options, const RunInputs& inputs, bool with_seed = true);

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

/// Computes the identity of the run with these (resolved) options and inputs.
RunIdentity identify_run(const Options& options, const RunInputs& inputs);

}  // namespace lcr
