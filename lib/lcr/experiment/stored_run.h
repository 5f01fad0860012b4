// Reads a stored run back.
#pragma once

#include <filesystem>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/record/run_identity.h"

namespace lcr {

/// The options of a run: `control` (data directory, device, threads, evaluation) overridden by the
/// run's config.ini. Throws UserError if there is no such run or its record is damaged.
Options read_run_options(const std::filesystem::path& run, const Options& control);

/// The run's identity, computed again from its options and the data and checked against the stored
/// one. Throws UserError naming the first line that differs: the run was then trained with other
/// data or numerics than this program's.
RunIdentity check_run_identity(const std::filesystem::path& run, const Options& options,
                               const Dataset& data);

}  // namespace lcr
