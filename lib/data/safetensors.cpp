#include "lcr/data/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"

namespace lcr {

using Json = nlohmann::json;

std::uint64_t element_size(const std::string& dtype) {
  static const std::map<std::string, std::uint64_t> sizes = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2}, {"I8", 1}, {"U8", 1}, {"BOOL", 1}};
  const auto found = sizes.find(dtype);
  if (found == sizes.end()) fail("tensor type '{}' is not known", dtype);
  return found->second;
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  constexpr std::uint64_t kMaxFile = 16ull << 30, kMaxHeader = 100ull << 20;
  SafetensorsFile file;
  std::vector<std::uint8_t> all = read_file(path, kMaxFile);
  std::uint64_t header_size = 0;
  if (all.size() < 8) fail("{}: {} bytes are no safetensors file", path.string(), all.size());
  std::memcpy(&header_size, all.data(), 8);
  if (header_size > kMaxHeader || header_size > all.size() - 8) fail("{}: its header claims {} bytes: not a safetensors file, or truncated", path.string(), header_size);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> regions;
  const std::uint64_t data_size = all.size() - 8 - header_size;
  std::string name;
  try {
    const Json header = Json::parse(all.begin() + 8, all.begin() + 8 + static_cast<std::ptrdiff_t>(header_size));
    if (!header.is_object()) fail("{}: its header is no JSON object", path.string());
    for (const auto& [key, value] : header.items()) {
      name = key;
      if (key == "__metadata__") {
        file.metadata = value.get<std::map<std::string, std::string>>();
        continue;
      }
      TensorDescriptor tensor;
      tensor.dtype = value.at("dtype").get<std::string>();
      const auto& offsets = value.at("data_offsets");
      if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) fail("{}: tensor {}: bad data_offsets", path.string(), key);
      tensor.begin = offsets[0];
      tensor.end = offsets[1];
      std::uint64_t bytes = 0;
      try {
        bytes = element_size(tensor.dtype);
      } catch (const UserError& e) {
        fail("{}: tensor {}: {}", path.string(), key, e.what());
      }
      for (const auto& size : value.at("shape")) {
        if (!size.is_number_unsigned()) fail("{}: tensor {}: bad shape", path.string(), key);
        const std::uint64_t n = size;
        if (n != 0 && bytes > data_size / n) fail("{}: tensor {}: its shape is larger than the file", path.string(), key);
        bytes *= n;
        tensor.shape.push_back(static_cast<std::int64_t>(n));
      }
      if (tensor.end < tensor.begin || tensor.end > data_size || tensor.end - tensor.begin != bytes)
        fail("{}: tensor {}: bytes {} to {} do not fit its shape or the file", path.string(), key, tensor.begin, tensor.end);
      regions.emplace_back(tensor.begin, tensor.end);
      file.tensors.emplace(key, std::move(tensor));
    }
  } catch (const Json::exception& e) {
    std::string what = e.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    fail("{}: damaged header{}: {}", path.string(), name.empty() ? "" : " at " + name, what.substr(0, 200));
  }
  std::sort(regions.begin(), regions.end());
  std::uint64_t at = 0;
  for (const auto& [begin, end] : regions) {
    if (begin != at) fail("{}: tensors overlap or leave a gap at byte {}", path.string(), at);
    at = end;
  }
  if (at != data_size) fail("{}: {} bytes at its end belong to no tensor", path.string(), data_size - at);
  all.erase(all.begin(), all.begin() + 8 + static_cast<std::ptrdiff_t>(header_size));
  file.bytes = std::move(all);
  return file;
}

void write_safetensors(const std::filesystem::path& path, const std::map<std::string, TensorToWrite>& tensors, const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t at = 0;
  std::vector<std::pair<const void*, std::uint64_t>> parts;
  for (const auto& [name, tensor] : tensors) {
    std::uint64_t bytes = element_size(tensor.dtype);
    for (const auto size : tensor.shape) bytes *= static_cast<std::uint64_t>(size);
    header[name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
    parts.emplace_back(tensor.data, bytes);
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // so that the data is aligned
  std::string content(8, '\0');
  const std::uint64_t header_size = text.size();
  std::memcpy(content.data(), &header_size, 8);
  content.reserve(8 + text.size() + at);
  content += text;
  for (const auto& [data, bytes] : parts) content.append(static_cast<const char*>(data), bytes);
  write_atomic(path, content);
}

}  // namespace lcr
