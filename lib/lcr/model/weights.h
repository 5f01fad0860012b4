// Exchanges tensors between modules and weight files.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "lcr/data/weight_file.h"

namespace lcr {

/// Copies a tensor of the file to a row-major CPU tensor of the same type.
torch::Tensor read_tensor(const WeightFile& file, const std::string& name);

/// Writes named tensors (any device and layout) to a safetensors file.
void write_tensors(const std::filesystem::path& path,
                   const std::map<std::string, torch::Tensor>& tensors,
                   const std::map<std::string, std::string>& metadata);

/// Parameters and buffers of a module by name.
std::map<std::string, torch::Tensor> named_tensors(const torch::nn::Module& module);

/// The prefix of the module's names in the file: "" in torchvision's files,
/// "state_dict.module.encoder_q." in MoCo's. It is the prefix with the most tensors of the same
/// name and shape; on a tie, the trained network's, not its slowly moving copy's (encoder_k,
/// target, teacher, ema). Empty if nothing is found. Throws UserError naming `path` if several
/// prefixes are left.
std::string find_prefix(const torch::nn::Module& module, const WeightFile& file,
                        const std::string& path);

/// The result of loading. Names are the module's, without the prefix.
struct LoadReport {
  std::vector<std::string> missing;  ///< in the module, not in the file; values unchanged
  /// In the file under the prefix, not in the module; ignored.
  std::vector<std::string> unexpected;
  std::vector<std::string> misshapen;  ///< in both, with different shapes; values unchanged
  std::size_t loaded = 0;
  std::size_t outside = 0;  ///< in the file, not under the prefix; ignored
  std::string prefix;
};

/// Copies every tensor of the file whose name is the prefix and the name of one of the module's
/// parameters or buffers into it, converting the type.
LoadReport load_weights(torch::nn::Module& module, const WeightFile& file,
                        const std::string& prefix = "");

}  // namespace lcr
