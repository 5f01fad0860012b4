// The tensors of a weight file, whatever its format: described, not interpreted. model/weights.h
// puts them into modules.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lcr {

/// One tensor among the bytes of a file, little-endian.
struct TensorDescriptor {
  std::string dtype;  ///< safetensors' names: "F64", "F32", "F16", "BF16", "I64", "I32", "I16",
                      ///< "I8", "U8", "BOOL"
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  ///< in elements; empty: row-major
  std::uint64_t begin = 0, end = 0;   ///< bytes within WeightFile::bytes, from the first element to
                                      ///< after the last; tensors may share bytes
};

struct WeightFile {
  std::string format;  ///< "safetensors", "torch zip", "torch legacy"
  std::map<std::string, TensorDescriptor> tensors;
  std::map<std::string, std::string>
      metadata;  ///< safetensors' own; of a torch file the numbers and texts at its top level
  std::vector<std::uint8_t> bytes;
  bool checksummed = false;  ///< it carries a checksum of all of it, which was found right
};

/// Bytes of one element. Throws UserError for an unknown type.
std::uint64_t element_size(const std::string& dtype);

/// Elements of a tensor of that shape. Throws UserError naming `what` on a negative size, more than
/// 64 dimensions, or a tensor beyond `limit` bytes of elements of `size` bytes each.
std::uint64_t element_count(const std::vector<std::int64_t>& shape, std::uint64_t size,
                            std::uint64_t limit, const std::string& what);

/// Bytes of the tensor in row-major order. Its shape must have been checked by element_count().
std::uint64_t byte_size(const TensorDescriptor& tensor);

/// The largest file of weights that is read.
inline constexpr std::uint64_t kMaxWeightFile = 16ull << 30;

/// Throws UserError naming `path` unless the name is printable ASCII, of at most 1,000 characters
/// and not "__metadata__".
void check_tensor_name(const std::string& name, const std::string& path);

/// Copies a tensor of the file in row-major order. out: byte_size().
void copy_row_major(const WeightFile& file, const TensorDescriptor& tensor, std::uint8_t* out);

/// Reads .safetensors, or what torch.save wrote (.pth, .pt, .pth.tar, .bin, .ckpt; zip and legacy
/// form). No code in it is run; what is allocated is bounded by a few times the file's size and
/// some hundred MiB. Throws UserError naming the file (and the tensor) on anything damaged,
/// hostile, or whose extension and content disagree.
WeightFile read_weights(const std::filesystem::path& path);

}  // namespace lcr
