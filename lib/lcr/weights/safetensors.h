// The safetensors format: a JSON header of tensor descriptors, then the bytes. It cannot hold code.
#pragma once

#include "lcr/weights/weight_file.h"

namespace lcr {

/// Reads a file. Throws UserError naming the file (and tensor) on a damaged header, a size that
/// does not match its shape, regions that overlap, leave gaps or reach beyond the file, or a wrong
/// checksum (write_safetensors() writes one, other files need not have one).
WeightFile read_safetensors(const std::filesystem::path& path);

/// The same from memory; error messages call it `name`.
WeightFile parse_safetensors(std::vector<std::uint8_t> bytes, const std::string& name);

/// A tensor for write_safetensors().
struct TensorToWrite {
  std::string dtype;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;  ///< row-major
};

/// Writes a file atomically: larger elements first, so that all are aligned, then by name. The same
/// tensors give the same bytes. The metadata gets one more entry, "lcr.sha256", over the rest of
/// the header and the data. Throws UserError if the header is larger than 16 MiB.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace lcr
