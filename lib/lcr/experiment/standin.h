// The stand-in for ImageNet's weights: a supervised run that others start from (--pretrain).
#pragma once

#include <filesystem>
#include <string>

#include "lcr/config/command_line.h"

namespace lcr {

/// Whether the run's initial weights come from a run on the stand-in's data (--pretrain).
bool starts_from_standin(const Options& options);

/// The options of the stand-in that a run starts from: those of the preset's section [standin],
/// with the network of the run, computed in the same place. Not resolved yet.
Options standin_options(const Options& run, const CommandLine& command);

/// Equal for runs that start from the same stand-in, and for that stand-in itself.
std::string network_key(const Options& options);

/// "DATASET-METHOD-", with which the directory of every run of them begins.
std::string directory_prefix(const Options& options);

/// The weights that a stand-in of that hash leaves in the run store.
std::filesystem::path standin_weights(const std::filesystem::path& store, const std::string& hash);

/// Whether the directory in the run store is a stand-in's.
bool is_standin(const std::string& directory);

}  // namespace lcr
