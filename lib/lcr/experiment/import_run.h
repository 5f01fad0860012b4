// Makes a run of the store out of a checkpoint of the authors' code (GANPerf/LCR, its MoCo form),
// so that it can be evaluated like a run that was trained here.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lcr/config/options.h"
#include "lcr/experiment/control_options.h"

namespace lcr {

/// The options of a run by the authors' README, for what their checkpoints do not say.
Options authors_options();

/// The options that may be given on import: the data, and what the authors' program takes as
/// arguments. The checkpoint itself says the rest.
const std::vector<std::string>& import_option_names();

/// What became of the tensors of a checkpoint.
struct ImportReport {
  std::filesystem::path directory;            ///< of the run
  bool made = false;                          ///< false: the store had the run already
  std::map<std::string, std::size_t> loaded;  ///< number of tensors, by what they are part of
  /// The names of those that the run does not use, by the reason.
  std::map<std::string, std::vector<std::string>> left_out;
};

/// Records the checkpoint as a finished run without measurements, of seed 0, in the store
/// options.get<StoreOptions>().runs. Its identity holds the file's SHA-256, so that no training
/// ever has the same. options: authors_options() with import_option_names() changed. Throws
/// UserError naming the tensor if one is unknown, missing, or does not fit the options; the store
/// is unchanged then.
ImportReport import_run(const std::filesystem::path& path, const Options& options);

}  // namespace lcr
