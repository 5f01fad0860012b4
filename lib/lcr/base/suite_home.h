// Where the suite's own data files are.
#pragma once

#include <filesystem>

namespace lcr {

/// Folder that holds presets/, datasets/, plots/specs/ and results/paper/: $LCR_HOME, if set.
/// Otherwise the search starts in the folder of the running program and goes up to the first folder
/// that has share/lcr/ (an installation) or a file `lcr-home`, which names the home, relative to
/// itself (a build tree). Throws UserError if there is none.
std::filesystem::path suite_home();

}  // namespace lcr
