// Between modules and weight files.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "lcr/data/weight_file.h"

namespace lcr {

/// A tensor of the file as a CPU tensor of its own type, row-major, copied.
torch::Tensor read_tensor(const WeightFile& file, const std::string& name);

/// Writes named tensors (any device and layout) in safetensors form.
void write_tensors(const std::filesystem::path& path,
                   const std::map<std::string, torch::Tensor>& tensors,
                   const std::map<std::string, std::string>& metadata);

/// Parameters and buffers of a module by name.
std::map<std::string, torch::Tensor> named_tensors(const torch::nn::Module& module);

/// What stands before the module's names in the file: "" in torchvision's files,
/// "state_dict.module.encoder_q." in MoCo's. It is the one under which most of them are found, in
/// their shapes; of equals that of the trained network, not of its slowly moving copy (encoder_k,
/// target, teacher, ema). Throws UserError naming `path` if several are left. Empty also where
/// nothing is found.
std::string find_prefix(const torch::nn::Module& module, const WeightFile& file,
                        const std::string& path);

/// What loading found.
struct LoadReport {
  std::vector<std::string> missing;  ///< of the module, not in the file; kept as they were
  std::vector<std::string>
      unexpected;                      ///< in the file under the prefix, not of the module; ignored
  std::vector<std::string> misshapen;  ///< in both, with another shape; kept as they were
  std::size_t loaded = 0;
  std::size_t outside = 0;  ///< in the file, not under the prefix; ignored
  std::string prefix;
};

/// Copies every tensor of the file that the module has (parameters and buffers, by the prefix and
/// name) into it, converting its type.
LoadReport load_weights(torch::nn::Module& module, const WeightFile& file,
                        const std::string& prefix = "");

}  // namespace lcr
