// Exchanges tensors between modules and weight files.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "lcr/weights/weight_file.h"

namespace lcr {

/// Copies a tensor of the file to a row-major CPU tensor of the same type.
torch::Tensor read_tensor(const WeightFile& file, const std::string& name);

/// Writes named tensors (any device and layout) to a safetensors file.
void write_tensors(const std::filesystem::path& path,
                   const std::map<std::string, torch::Tensor>& tensors,
                   const std::map<std::string, std::string>& metadata);

/// Parameters and buffers of a module by name.
std::map<std::string, torch::Tensor> named_tensors(const torch::nn::Module& module);

/// Gives the children of an nn.Sequential made of a torchvision ResNet's children their names
/// there: "backbone.4.0.conv1.weight" becomes "backbone.layer1.0.conv1.weight". Returns the names
/// in the file by the new ones.
std::map<std::string, std::string> name_sequential_children(WeightFile& file);

/// Says on the command line that the names of the tensors have no prefix.
inline constexpr const char* kNoPrefix = ".";

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
  /// Those of them that are named as parts of a ResNet (conv1, bn1, layer1, ...).
  std::vector<std::string> left_over;
  std::vector<std::string> misshapen;  ///< in both, with different shapes; values unchanged
  std::size_t loaded = 0;
  std::size_t outside = 0;  ///< in the file, not under the prefix; ignored
  std::string prefix;
};

/// The names without the counters of batch norm, which files of other origin lack.
std::vector<std::string> without_counters(std::vector<std::string> names);

/// The number of names and the first `most` of them, for a message; "none" if there are none.
std::string list_names(std::vector<std::string> names, std::size_t most);

/// What load_weights() would report, without loading.
LoadReport compare_weights(const torch::nn::Module& module, const WeightFile& file,
                           const std::string& prefix);

/// The report for the prefix under which most tensors of the file fit the module.
LoadReport best_comparison(const torch::nn::Module& module, const WeightFile& file);

/// Copies every tensor of the file whose name is the prefix and the name of one of the module's
/// parameters or buffers into it, converting the type. Throws UserError naming `path` and the
/// tensor, before anything is copied, if the values of one of them are not read.
LoadReport load_weights(torch::nn::Module& module, const WeightFile& file, const std::string& path,
                        const std::string& prefix = "");

}  // namespace lcr
