// From --dataset to images: where each data set lies, how it is read, what its splits must hold.
#pragma once

#include <filesystem>
#include <string>

#include "lcr/data/image_set.h"
#include "lcr/record/options.h"

namespace lcr {

/// Root of the suite's own files (presets/, datasets/, results/paper): $LCR_HOME, else where the program was built from.
std::filesystem::path suite_home();

/// The data directory: --data-dir, else $LCR_DATA, else "data".
std::filesystem::path data_directory(const Options& options);

/// Loads the data set that the options name, with their limits. Fashion-MNIST comes from the data directory
/// (`fashion-mnist/`), else from Debian's package, else it is fetched into the data directory.
/// Throws UserError saying what is missing and where it belongs.
Dataset load_dataset(const Options& options, int threads);

}  // namespace lcr
