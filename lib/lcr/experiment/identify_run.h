// Computes what identifies a run: a canonical text and its SHA-256.
#pragma once

#include <string>

#include "lcr/config/options.h"
#include "lcr/record/run_identity.h"

namespace lcr {

/// Increment this with every change of the numerics (an initialisation, the order of operations,
/// the use of the RNG), so that older runs are not taken for new ones. The ten-step fingerprints in
/// tests/ detect such changes.
inline constexpr int kNumericsRevision = 8;

/// The last revision, of those up to `latest`, that may have changed the numbers of runs with these
/// options. Revisions 8 and 7 concern only networks in float32, whose 3x3 convolutions are summed
/// in another order: 8 those to small maps with 256 or more channels, which narrow networks of a
/// width below 32 lack, 7 those that are matrix products. Revision 6 concerns only three or more
/// ranks, whose sums are taken in another order; revision 5 only the running statistics of the
/// branch's batch norm, with several ranks or batch norm groups and --gfb-bn-updates as_authors;
/// all other runs of revision 4 stay valid.
int numerics_revision(const Options& options, int latest = kNumericsRevision);

/// Sorted "name=value" lines: all active options of the kind kRun that differ from their defaults,
/// and the inputs. `with_seed = false` gives the text of the configuration, which its seeds share.
std::string canonical_text(const Options& options, const RunInputs& inputs, bool with_seed = true);

/// Computes the identity of the run with these (resolved) options and inputs.
RunIdentity identify_run(const Options& options, const RunInputs& inputs);

}  // namespace lcr
