#include "lcr/weights/weight_file.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "lcr/base/error.h"
#include "lcr/base/failed_download.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/weights/safetensors.h"
#include "lcr/weights/torch_file.h"

namespace lcr {
namespace {

const std::map<std::string, std::uint64_t> kElementSizes = {
    {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
    {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};

/// Copies the elements of dimensions `dimension` and up; `from` is the first of them. Returns the
/// end of the copy.
std::uint8_t* copy_strided(const std::uint8_t* from, const TensorDescriptor& tensor,
                           std::size_t dimension, std::uint64_t size, std::uint8_t* out) {
  if (dimension == tensor.shape.size()) {
    std::memcpy(out, from, size);
    return out + size;
  }
  for (std::int64_t i = 0; i < tensor.shape[dimension]; ++i)
    out = copy_strided(from + static_cast<std::uint64_t>(i * tensor.strides[dimension]) * size,
                       tensor, dimension + 1, size, out);
  return out;
}

/// Throws UserError if the content is of a kind that people meet in place of weights, and says what
/// to do.
void refuse_other_files(const std::vector<std::uint8_t>& bytes, const std::string& path) {
  refuse_failed_download(bytes, path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto begins = [&](std::string_view start) { return text.starts_with(start); };
  if (text.size() > 262 && text.substr(257, 5) == "ustar")
    fail("{}: is a tar archive: unpack it with 'tar -xf' and give the weight file within", path);
  struct Kind {
    std::string_view start;
    const char* what;
  };
  for (const Kind& kind : {Kind{"\x1f\x8b", "gzip"}, Kind{"BZh", "bzip2"},
                           Kind{"\xfd"
                                "7zXZ",
                                "xz"},
                           Kind{"\x28\xb5\x2f\xfd", "zstd"}})
    if (begins(kind.start))
      fail("{}: is compressed with {}: unpack it and give the file within", path, kind.what);
  for (const Kind& kind : {Kind{"\x89HDF", "an HDF5 file"}, Kind{"\x93NUMPY", "an array of NumPy"},
                           Kind{"GGUF", "a GGUF file"}})
    if (begins(kind.start))
      fail("{}: is {}; save its tensors as safetensors or with torch.save", path, kind.what);
  if (bytes.size() >= 8 && (bytes.size() == 8 || bytes[8] != '{'))
    fail(
        "{}: is no weight file: it begins neither like safetensors nor like a file of torch.save "
        "(zip or pickle)",
        path);
}

}  // namespace

bool is_read(const std::string& dtype) { return kElementSizes.contains(dtype); }

std::uint64_t element_size(const std::string& dtype) {
  const auto found = kElementSizes.find(dtype);
  if (found == kElementSizes.end()) fail("unknown tensor type '{}'", printable(dtype));
  return found->second;
}

std::uint64_t element_count(const std::vector<std::int64_t>& shape, std::uint64_t size,
                            std::uint64_t limit, const std::string& what) {
  if (shape.size() > 64) fail("{}: has {} dimensions, more than 64", what, shape.size());
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t n) { return n < 0; }))
    fail("{}: bad shape", what);
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::uint64_t count = 1;
  for (const auto n : shape) {
    if (static_cast<std::uint64_t>(n) > limit / size / count)
      fail("{}: its shape is larger than the file", what);
    count *= static_cast<std::uint64_t>(n);
  }
  return count;
}

void check_tensor_name(const std::string& name, const std::string& path) {
  const bool plain =
      std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
  if (name.size() > 1000 || !plain || name == "__metadata__")
    fail(
        "{}: '{}' cannot be the name of a tensor: it must have at most 1,000 characters, all "
        "printable ASCII, and not be __metadata__",
        path, printable(name));
}

std::uint64_t byte_size(const TensorDescriptor& tensor) {
  std::uint64_t bytes = element_size(tensor.dtype);
  for (const auto n : tensor.shape) bytes *= static_cast<std::uint64_t>(n);
  return bytes;
}

void copy_row_major(const WeightFile& file, const TensorDescriptor& tensor, std::uint8_t* out) {
  const std::uint8_t* from = file.bytes.data() + tensor.begin;
  if (tensor.begin == tensor.end) return;  // no elements
  if (tensor.strides.empty())
    std::memcpy(out, from, tensor.end - tensor.begin);
  else
    copy_strided(from, tensor, 0, element_size(tensor.dtype), out);
}

WeightFile read_weights(const std::filesystem::path& path) {
  std::vector<std::uint8_t> bytes = read_file(path, kMaxWeightFile);
  if (looks_like_torch_file(bytes)) return parse_torch_file(std::move(bytes), path.string());
  refuse_other_files(bytes, path.string());
  return parse_safetensors(std::move(bytes), path.string());
}

}  // namespace lcr
