// Reads the files of torch.save without Python: the zip form (PyTorch 1.6 and later) and the legacy
// form before it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/weights/weight_file.h"

namespace lcr {

/// Whether the content begins like a zip archive or a pickle.
bool looks_like_torch_file(const std::vector<std::uint8_t>& bytes);

/// The tensors of a dict and of the dicts and lists within it, by their keys joined with ".":
/// {"state_dict": {"conv1.weight": ...}} gives "state_dict.conv1.weight". Other values are left
/// out; all that torch.load takes with weights_only=True is read or read over. Throws UserError,
/// which calls the file `name`, on a damaged file, on other classes and functions (and names them),
/// on content of more than four times the file's size, on tensors that reach beyond their storage
/// or take more than 16 times the file's size plus 64 MiB, and on another byte order.
WeightFile parse_torch_file(std::vector<std::uint8_t> bytes, const std::string& name);

}  // namespace lcr
