#include "lcr/data/weight_file.h"

#include <algorithm>
#include <cstring>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/data/safetensors.h"
#include "lcr/data/torch_file.h"

namespace lcr {
namespace {

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

}  // namespace

std::uint64_t element_size(const std::string& dtype) {
  static const std::map<std::string, std::uint64_t> sizes = {
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
      {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};
  const auto found = sizes.find(dtype);
  if (found == sizes.end()) fail("unknown tensor type '{}'", printable(dtype));
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
  const std::string name = path.filename().string();
  const bool torch = name.ends_with(".pth") || name.ends_with(".pt") ||
                     name.ends_with(".pth.tar") || name.ends_with(".bin") ||
                     name.ends_with(".ckpt");
  if (!torch && !name.ends_with(".safetensors"))
    fail(
        "{}: is not a weight file by its name: .safetensors, .pth, .pt, .pth.tar, .bin and .ckpt "
        "files are read",
        path.string());
  std::vector<std::uint8_t> bytes = read_file(path, kMaxWeightFile);
  const bool torch_content = looks_like_torch_file(bytes);
  if (torch != torch_content && bytes.size() >= 8) {
    const char* format = torch ? "torch.save" : "safetensors";
    const char* advice = torch_content ? "it is a file of torch.save; name it .pth"
                                       : "rename it to match its content, or fetch it again";
    fail("{}: its name says {}, its content does not: {}", path.string(), format, advice);
  }
  return torch ? parse_torch_file(std::move(bytes), path.string())
               : parse_safetensors(std::move(bytes), path.string());
}

}  // namespace lcr
