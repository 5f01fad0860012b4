#include "lcr/weights/torch_file.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <span>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/weights/pickle.h"
#include "lcr/weights/torch_names.h"
#include "lcr/weights/torch_tensors.h"
#include "lcr/weights/torch_zip.h"

namespace lcr {
namespace {

WeightFile parse_zip(const std::vector<std::uint8_t>& bytes, const std::string& name) {
  WeightFile file;
  file.format = "torch zip";
  const auto entries = unpack_zip(bytes, file.bytes, name);
  const auto data = std::find_if(entries.begin(), entries.end(), [](const ZipEntry& entry) {
    return entry.path.ends_with("/data.pkl") &&
           std::count(entry.path.begin(), entry.path.end(), '/') == 1;
  });
  if (data == entries.end())
    fail(
        "{}: is a zip archive without data.pkl: not a file of torch.save; if the weights are "
        "within it, "
        "unpack it",
        name);
  const std::string top = data->path.substr(0, data->path.size() - std::strlen("data.pkl"));
  std::map<std::string, Storage> storages;
  for (const auto& entry : entries) {
    if (entry.path == top + "constants.pkl")
      fail("{}: is a TorchScript program, which is code: save its state_dict", name);
    const auto content = std::span(file.bytes).subspan(entry.begin, entry.size);
    if (entry.path == top + "byteorder" && std::string(content.begin(), content.end()) != "little")
      fail("{}: its byte order is not little-endian", name);
    if (entry.path.starts_with(top + "data/") &&
        !storages.emplace(entry.path.substr(top.size() + 5), Storage{entry.begin, entry.size})
             .second)
      fail("{}: has entry {} twice", name, printable(entry.path));
  }
  std::size_t at = 0;
  const Pickle pickle = read_pickle(std::span(file.bytes).subspan(data->begin, data->size), at,
                                    name, torch_file_globals());
  collect_tensors(file, *pickle.root, storages, name);
  return file;
}

WeightFile parse_legacy(std::vector<std::uint8_t> bytes, const std::string& name) {
  using Kind = PickleValue::Kind;
  WeightFile file;
  file.format = "torch legacy";
  file.bytes = std::move(bytes);
  std::size_t at = 0;
  const auto next = [&] { return read_pickle(file.bytes, at, name, torch_file_globals()); };
  const Pickle magic = next();
  if (magic.root->kind != Kind::kLong ||
      magic.root->text != std::string("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10))
    fail("{}: is a pickle, but not a file of torch.save", name);
  if (const Pickle protocol = next();
      protocol.root->kind != Kind::kInteger || protocol.root->integer != 1001)
    fail("{}: has a legacy format other than 1001", name);
  const Pickle system = next();
  for (std::size_t i = 0; i + 1 < system.root->items.size(); i += 2)
    if (system.root->items[i]->text == "little_endian" && system.root->items[i + 1]->integer != 1)
      fail("{}: its byte order is not little-endian", name);
  const Pickle pickle = next();
  const Pickle keys = next();
  if (keys.root->kind != Kind::kList) fail("{}: damaged: its list of storages is missing", name);
  std::map<std::string, StorageId> described;
  for (const auto& value : pickle.values)
    if (value.kind == Kind::kPersistent) {
      const StorageId id = read_storage_id(value, name);
      const auto& known = described.emplace(id.key, id).first->second;
      if (known.type.name != id.type.name || known.elements != id.elements)
        fail("{}: damaged: storage {} is described in two ways", name, printable(id.key));
    }
  std::map<std::string, Storage> storages;
  for (const PickleValue* key : keys.root->items) {
    const auto id = key->kind == Kind::kText ? described.find(key->text) : described.end();
    if (id == described.end()) fail("{}: damaged: a storage belongs to no tensor", name);
    if (file.bytes.size() - at < 8)
      fail("{}: is truncated at storage {}", name, printable(id->first));
    std::int64_t elements = 0;
    std::memcpy(&elements, file.bytes.data() + at, 8);
    at += 8;
    const std::uint64_t size = id->second.type.size;
    if (elements != id->second.elements)
      fail("{}: damaged: storage {} has {} elements, but its description says {}", name,
           printable(id->first), elements, id->second.elements);
    if (static_cast<std::uint64_t>(elements) > (file.bytes.size() - at) / size)
      fail("{}: is truncated at storage {}", name, printable(id->first));
    if (!storages.emplace(id->first, Storage{at, static_cast<std::uint64_t>(elements) * size})
             .second)
      fail("{}: damaged: storage {} appears twice", name, printable(id->first));
    at += static_cast<std::uint64_t>(elements) * size;
  }
  if (at != file.bytes.size())
    fail("{}: damaged: {} bytes after its last storage", name, file.bytes.size() - at);
  collect_tensors(file, *pickle.root, storages, name);
  return file;
}

bool is_zip(const std::vector<std::uint8_t>& bytes) {
  return bytes.size() >= 4 && std::memcmp(bytes.data(), "PK\x03\x04", 4) == 0;
}

}  // namespace

bool looks_like_torch_file(const std::vector<std::uint8_t>& bytes) {
  // A safetensors file with a header of 640 bytes begins like a pickle, too, but has '{' at byte 8.
  return is_zip(bytes) || (bytes.size() >= 9 && bytes[0] == 0x80 && bytes[1] >= 2 &&
                           bytes[1] <= 5 && bytes[8] != '{');
}

WeightFile parse_torch_file(std::vector<std::uint8_t> bytes, const std::string& name) {
  if (is_zip(bytes)) return parse_zip(bytes, name);
  if (!looks_like_torch_file(bytes))
    fail("{}: is neither a zip archive nor a pickle: not a file of torch.save, or truncated", name);
  return parse_legacy(std::move(bytes), name);
}

}  // namespace lcr
