#include "lcr/weights/safetensors.h"

#include <algorithm>
#include <cstring>

#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"

namespace lcr {

using Json = nlohmann::json;

namespace {

constexpr const char* kChecksumKey = "lcr.sha256";
constexpr std::uint64_t kMaxHeader = 16ull << 20;

/// SHA-256 of a header without its checksum, in canonical form, and of the data.
std::string checksum(Json header, const std::vector<std::pair<const void*, std::uint64_t>>& data) {
  if (const auto metadata = header.find("__metadata__"); metadata != header.end()) {
    metadata->erase(kChecksumKey);
    if (metadata->empty()) header.erase(metadata);
  }
  Sha256 sum;
  const std::string text = header.dump();
  sum.update(text.data(), text.size());
  for (const auto& [bytes, size] : data) sum.update(bytes, size);
  return sum.hex();
}

/// First byte and end of each tensor's part of the data.
using Regions = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

/// Adds a tensor of the header to the file and its bytes to the regions. Throws UserError or
/// Json::exception.
void add_tensor(WeightFile& file, Regions& regions, const std::string& key, const Json& value,
                std::uint64_t data_size, const std::string& path) {
  constexpr std::uint64_t kMaxDimension = 1ull << 62;
  check_tensor_name(key, path);
  TensorDescriptor tensor;
  tensor.dtype = value.at("dtype").get<std::string>();
  const auto& offsets = value.at("data_offsets");
  if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
    fail("{}: tensor {}: bad data_offsets", path, key);
  tensor.begin = offsets[0];
  tensor.end = offsets[1];
  const std::string what = path + ": tensor " + key;
  for (const auto& n : value.at("shape")) {
    if (!n.is_number_unsigned() || n.get<std::uint64_t>() > kMaxDimension)
      fail("{}: bad shape", what);
    tensor.shape.push_back(n);
  }
  if (tensor.end < tensor.begin || tensor.end > data_size)
    fail("{}: bytes {} to {} do not fit the file", what, tensor.begin, tensor.end);
  regions.emplace_back(tensor.begin, tensor.end);
  if (!is_read(tensor.dtype)) {
    file.unread[key] = {.dtype = tensor.dtype, .shape = tensor.shape};
    return;
  }
  const std::uint64_t size = element_size(tensor.dtype);
  const std::uint64_t bytes = element_count(tensor.shape, size, data_size, what) * size;
  if (tensor.end - tensor.begin != bytes)
    fail("{}: bytes {} to {} do not fit its shape", what, tensor.begin, tensor.end);
  file.tensors.emplace(key, std::move(tensor));
}

/// Throws UserError unless every byte of the data belongs to one tensor.
void check_regions(Regions regions, std::uint64_t data_size, const std::string& path) {
  std::sort(regions.begin(), regions.end());
  std::uint64_t at = 0;
  for (const auto& [begin, end] : regions) {
    if (begin != at) fail("{}: tensors overlap or leave a gap at byte {}", path, at);
    at = end;
  }
  if (at != data_size) fail("{}: {} bytes at its end belong to no tensor", path, data_size - at);
}

}  // namespace

WeightFile read_safetensors(const std::filesystem::path& path) {
  return parse_safetensors(read_file(path, kMaxWeightFile), path.string());
}

WeightFile parse_safetensors(std::vector<std::uint8_t> all, const std::string& path) {
  WeightFile file;
  file.format = "safetensors";
  std::uint64_t header_size = 0;
  if (all.size() < 8) fail("{}: {} bytes are too few for a safetensors file", path, all.size());
  std::memcpy(&header_size, all.data(), 8);
  if (header_size > kMaxHeader || header_size > all.size() - 8)
    fail("{}: its header claims {} bytes: not a safetensors file, or truncated", path, header_size);
  Regions regions;
  const std::uint64_t data_size = all.size() - 8 - header_size;
  std::string name;
  Json header;
  try {
    header =
        Json::parse(all.begin() + 8, all.begin() + 8 + static_cast<std::ptrdiff_t>(header_size));
    if (!header.is_object()) fail("{}: its header is not a JSON object", path);
    for (const auto& [key, value] : header.items()) {
      name = key;
      if (key != "__metadata__")
        add_tensor(file, regions, key, value, data_size, path);
      else if (!value.is_null())  // as other writers leave it out
        file.metadata = value.get<std::map<std::string, std::string>>();
    }
  } catch (const Json::exception& e) {
    std::string what = e.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    fail("{}: damaged header{}: {}", path, name.empty() ? "" : " at " + name, what.substr(0, 200));
  }
  check_regions(std::move(regions), data_size, path);
  if (const auto found = file.metadata.find(kChecksumKey); found != file.metadata.end()) {
    if (checksum(header, {{all.data() + 8 + header_size, data_size}}) != found->second)
      fail("{}: damaged: its content does not match its checksum", path);
    file.checksummed = true;
    file.metadata.erase(found);
  }
  for (auto& [key, tensor] : file.tensors) {
    tensor.begin += 8 + header_size;
    tensor.end += 8 + header_size;
  }
  file.bytes = std::move(all);
  return file;
}

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, TensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::uint64_t, std::string>> order;
  for (const auto& [name, tensor] : tensors) order.emplace_back(element_size(tensor.dtype), name);
  // By falling element size, then by name.
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t at = 0;
  std::vector<std::pair<const void*, std::uint64_t>> parts;
  for (const auto& [size, name] : order) {
    const TensorToWrite& tensor = tensors.at(name);
    std::uint64_t bytes = size;
    for (const auto n : tensor.shape) bytes *= static_cast<std::uint64_t>(n);
    header[name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {at, at + bytes}}};
    at += bytes;
    parts.emplace_back(tensor.data, bytes);
  }
  header["__metadata__"][kChecksumKey] = checksum(header, parts);
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // so that the data is aligned
  if (text.size() > kMaxHeader)
    fail("{}: its names and metadata take {} bytes, more than the {} that can be read back",
         path.string(), text.size(), kMaxHeader);
  std::string content(8, '\0');
  const std::uint64_t header_size = text.size();
  std::memcpy(content.data(), &header_size, 8);
  content.reserve(8 + text.size() + at);
  content += text;
  for (const auto& [data, bytes] : parts) content.append(static_cast<const char*>(data), bytes);
  write_atomic(path, content);
}

}  // namespace lcr
