// What torch.save writes, read without Python: the zip form (PyTorch 1.6 on) and the legacy form
// before it.
#pragma once

#include "lcr/data/weight_file.h"

namespace lcr {

/// Whether the content begins as a zip archive or a pickle does.
bool looks_like_torch_file(const std::vector<std::uint8_t>& bytes);

/// Tensors of a dict, also of dicts and lists within, by their keys joined with ".": {"state_dict":
/// {"conv1.weight": ...}} gives "state_dict.conv1.weight". What is neither tensor nor dict nor list
/// is left out. Classes and functions that weights do not need are refused by name, as are
/// compression beyond four times the file, tensors that reach beyond their storage or are larger
/// than it, and another byte order. `name` stands in errors. Throws UserError.
WeightFile parse_torch_file(std::vector<std::uint8_t> bytes, const std::string& name);

}  // namespace lcr
