// The safetensors format: a JSON header of tensor descriptors, then the bytes. No code can hide in it. Read and written here
// without LibTorch; model/weights.h turns descriptors into tensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lcr {

/// One tensor in a file: little-endian, row-major.
struct TensorDescriptor {
  std::string dtype;                ///< "F64", "F32", "F16", "BF16", "I64", "I32", "U8", ...
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;  ///< bytes within SafetensorsFile::bytes
};

struct SafetensorsFile {
  std::map<std::string, TensorDescriptor> tensors;
  std::map<std::string, std::string> metadata;
  std::vector<std::uint8_t> bytes;  ///< of all tensors
};

/// Bytes of one element. Throws UserError for an unknown type.
std::uint64_t element_size(const std::string& dtype);

/// Reads a file. Throws UserError naming the file (and tensor) on a damaged header, an unknown type, a size that does not match its
/// shape, or regions that overlap, leave gaps or reach beyond the file.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

/// Writes a file atomically; begin and end of the descriptors are ignored, their bytes come from `data` in the map's order.
struct TensorToWrite {
  std::string dtype;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;
};
void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorToWrite>& tensors, const std::map<std::string, std::string>& metadata);

}  // namespace lcr
