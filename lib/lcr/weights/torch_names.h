// The names in a file of torch.save: element types, and the classes and functions that it may name.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace lcr {

/// How the elements of a storage or tensor are kept.
struct ElementType {
  std::string name;  ///< as safetensors names it; PyTorch's name if its values are not read
  std::uint64_t size = 0;
};

/// The element type of a storage's class ("torch FloatStorage"), bytes for an untyped one; null if
/// it is none.
const ElementType* storage_type(std::string_view name);

/// A type as safetensors names it, from PyTorch's name; PyTorch's if its values are not read.
std::string element_type_name(const std::string& torch_name);

/// The classes and functions that a file may name, as "module name": those that torch.load takes
/// with weights_only=True (PyTorch 1.13 to 2.11), and some of other values in checkpoints, which
/// are read over. They are names only: nothing is imported or called.
const std::set<std::string, std::less<>>& torch_file_globals();

}  // namespace lcr
