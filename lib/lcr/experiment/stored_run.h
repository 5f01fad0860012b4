// A run of the store, read back.
#pragma once

#include <filesystem>

#include "lcr/data/image_set.h"
#include "lcr/record/options.h"
#include "lcr/record/run_identity.h"

namespace lcr {

/// The options of a run out of its config.ini, over `control` (which gives data directory, device,
/// threads and how to evaluate). Throws UserError if there is no such run or its record is damaged.
Options read_run_options(const std::filesystem::path& run, const Options& control);

/// The identity that the run was stored under, made anew from its options and the data. Throws
/// UserError naming the first line in which they differ: the data or this program's numerics are
/// then not those that it was trained with.
RunIdentity check_run_identity(const std::filesystem::path& run, const Options& options,
                               const Dataset& data);

}  // namespace lcr
