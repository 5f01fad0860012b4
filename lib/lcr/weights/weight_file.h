// The tensors of a weight file of any format, described but not interpreted; model/weights.h loads
// them into modules.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lcr {

/// One tensor among the bytes of a file, little-endian.
struct TensorDescriptor {
  /// As safetensors names it: "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL".
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  ///< in elements; empty: row-major
  /// Within WeightFile::bytes, from the first element to after the last; tensors may share bytes.
  std::uint64_t begin = 0, end = 0;
};

/// A weight file in memory, checked.
struct WeightFile {
  std::string format;  ///< "safetensors", "torch zip", "torch legacy"
  std::map<std::string, TensorDescriptor> tensors;
  /// Tensors whose values are not read: of other types (named as in the file), sparse, quantised,
  /// and so on. Without place; the shape may be unknown (empty).
  std::map<std::string, TensorDescriptor> unread;
  /// Safetensors' own metadata; for a torch file, the numbers and texts at its top level.
  std::map<std::string, std::string> metadata;
  std::vector<std::uint8_t> bytes;
  bool checksummed = false;  ///< it carries a checksum of its whole content, which matches
};

/// Whether tensors of that type are read.
bool is_read(const std::string& dtype);

/// Bytes of one element. Throws UserError for an unknown type.
std::uint64_t element_size(const std::string& dtype);

/// Elements of a tensor of that shape. Throws UserError naming `what` on a negative size, more than
/// 64 dimensions, or a tensor of more than `limit` bytes at `size` bytes per element.
std::uint64_t element_count(const std::vector<std::int64_t>& shape, std::uint64_t size,
                            std::uint64_t limit, const std::string& what);

/// Bytes of the tensor in row-major order. Its shape must have been checked by element_count().
std::uint64_t byte_size(const TensorDescriptor& tensor);

/// The largest weight file that is read, in bytes.
inline constexpr std::uint64_t kMaxWeightFile = 16ull << 30;

/// Throws UserError naming `path` unless `name` is printable ASCII, has at most 1,000 characters
/// and is not "__metadata__".
void check_tensor_name(const std::string& name, const std::string& path);

/// Copies a tensor of the file in row-major order. out: byte_size() bytes.
void copy_row_major(const WeightFile& file, const TensorDescriptor& tensor, std::uint8_t* out);

/// Reads a safetensors file, or what torch.save wrote (zip and legacy form). The content decides,
/// whatever the file's name. No code in it is run; memory use is bounded by a few times the file's
/// size plus some hundred MiB. Throws UserError naming the file (and the tensor) if it is damaged,
/// hostile or something else.
WeightFile read_weights(const std::filesystem::path& path);

}  // namespace lcr
