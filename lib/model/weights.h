// Between modules and weight files.
#pragma once

#include <torch/nn/module.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lcr/data/safetensors.h"

namespace lcr {

/// A tensor of the file as a CPU tensor of its own type, copied.
torch::Tensor read_tensor(const SafetensorsFile& file, const std::string& name);

/// Writes named tensors (any device and layout) in safetensors form.
void write_tensors(const std::filesystem::path& path, const std::map<std::string, torch::Tensor>& tensors, const std::map<std::string, std::string>& metadata);

/// What loading found.
struct LoadReport {
  std::vector<std::string> missing;     ///< of the module, not in the file; kept as they were
  std::vector<std::string> unexpected;  ///< in the file, not of the module; ignored
  std::vector<std::string> misshapen;   ///< in both, with another shape; kept as they were
  std::size_t loaded = 0;
};

/// Copies every tensor of the file that the module has (parameters and buffers, by name) into it, converting its type.
LoadReport load_weights(torch::nn::Module& module, const SafetensorsFile& file);

}  // namespace lcr
