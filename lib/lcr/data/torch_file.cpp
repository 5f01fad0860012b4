#include "lcr/data/torch_file.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/data/pickle.h"

namespace lcr {
namespace {

using Kind = PickleValue::Kind;

/// How the elements of a storage or tensor are kept.
struct ElementType {
  std::string name;  ///< as safetensors names it; PyTorch's name if its values are not read
  std::uint64_t size = 0;
};

/// By the name of the storage's class, without "torch " and "Storage".
const std::map<std::string, ElementType, std::less<>> kStorageTypes = {
    {"Double", {"F64", 8}},
    {"Float", {"F32", 4}},
    {"Half", {"F16", 2}},
    {"BFloat16", {"BF16", 2}},
    {"Long", {"I64", 8}},
    {"Int", {"I32", 4}},
    {"Short", {"I16", 2}},
    {"Char", {"I8", 1}},
    {"Byte", {"U8", 1}},
    {"Bool", {"BOOL", 1}},
    {"ComplexDouble", {"complex128", 16}},
    {"ComplexFloat", {"complex64", 8}},
    {"QInt8", {"qint8", 1}},
    {"QUInt8", {"quint8", 1}},
    {"QInt32", {"qint32", 4}},
    {"QUInt4x2", {"quint4x2", 1}},
    {"QUInt2x4", {"quint2x4", 1}}};

/// The types that are read, by PyTorch's names.
const std::map<std::string, const char*, std::less<>> kTypes = {
    {"float64", "F64"}, {"float32", "F32"}, {"float16", "F16"}, {"bfloat16", "BF16"},
    {"int64", "I64"},   {"int32", "I32"},   {"int16", "I16"},   {"int8", "I8"},
    {"uint8", "U8"},    {"bool", "BOOL"}};

constexpr const char* kUntypedStorage = "torch.storage UntypedStorage";

std::set<std::string, std::less<>> allowed_names() {
  std::set<std::string, std::less<>> names = {
      "collections OrderedDict", "collections Counter", "builtins set", "builtins bytearray",
      "builtins complex", "_codecs encode", "torch Size", "torch device", "torch Tensor",
      "torch.nn.parameter Parameter", "torch.serialization _get_layout",
      "torch.storage TypedStorage", kUntypedStorage, "torch._tensor _rebuild_from_type_v2",
      // Beyond weights_only=True.
      "argparse Namespace", "numpy.core.multiarray scalar", "numpy._core.multiarray scalar",
      "numpy dtype"};
  for (const char* name :
       {"tensor", "tensor_v2", "tensor_v3", "parameter", "parameter_with_state", "qtensor",
        "sparse_tensor", "sparse_csr_tensor", "meta_tensor_no_storage", "nested_tensor",
        "wrapper_subclass", "device_tensor_from_numpy", "device_tensor_from_cpu_tensor"})
    names.insert(std::string("torch._utils _rebuild_") + name);
  for (const auto& [name, type] : kStorageTypes)
    for (const std::string module : {"torch ", "torch.cuda "})
      names.insert(module + name + "Storage");
  for (const char* name :
       {"Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"})
    for (const std::string module :
         {"torch ", "torch.cuda ", "torch.sparse ", "torch.cuda.sparse "})
      names.insert(module + name + "Tensor");
  for (const auto& [name, type] : kTypes) names.insert("torch " + name);
  for (const char* name : {"uint16",
                           "uint32",
                           "uint64",
                           "uint1",
                           "uint2",
                           "uint3",
                           "uint4",
                           "uint5",
                           "uint6",
                           "uint7",
                           "int1",
                           "int2",
                           "int3",
                           "int4",
                           "int5",
                           "int6",
                           "int7",
                           "complex32",
                           "complex64",
                           "complex128",
                           "float4_e2m1fn_x2",
                           "float8_e4m3fn",
                           "float8_e4m3fnuz",
                           "float8_e5m2",
                           "float8_e5m2fnuz",
                           "float8_e8m0fnu",
                           "bits8",
                           "bits16",
                           "bits1x8",
                           "bits2x4",
                           "bits4x2",
                           "qint8",
                           "quint8",
                           "qint32",
                           "quint4x2",
                           "quint2x4",
                           "per_tensor_affine",
                           "per_tensor_symmetric",
                           "per_channel_affine",
                           "per_channel_symmetric",
                           "per_channel_affine_float_qparams"})
    names.insert(std::string("torch ") + name);
  return names;
}

/// Where the bytes of one storage are.
struct Storage {
  std::uint64_t begin = 0, size = 0;
};

/// The content of a persistent identifier: ('storage', class, key, device, elements, view).
struct StorageId {
  ElementType type;
  std::string key;
  std::int64_t elements = 0;
};

/// The element type of a storage's class, bytes for an untyped one; null if it is none.
const ElementType* storage_type(std::string_view name) {
  static const ElementType bytes = {"U8", 1};
  if (name == kUntypedStorage) return &bytes;
  for (const std::string_view module : {"torch.cuda ", "torch "})
    if (name.starts_with(module) && name.ends_with("Storage")) {
      name.remove_prefix(module.size());
      name.remove_suffix(std::strlen("Storage"));
      const auto type = kStorageTypes.find(name);
      return type == kStorageTypes.end() ? nullptr : &type->second;
    }
  return nullptr;
}

StorageId read_storage_id(const PickleValue& value, const std::string& name) {
  const PickleValue* id = value.items.empty() ? nullptr : value.items.front();
  const auto bad = [&] { fail("{}: damaged: a storage is not described in PyTorch's form", name); };
  if (!id || id->kind != Kind::kList || id->items.size() < 5 || id->items.size() > 6) bad();
  const auto& part = id->items;
  if (part[0]->kind != Kind::kText || part[0]->text != "storage" ||
      part[1]->kind != Kind::kGlobal || part[2]->kind != Kind::kText ||
      part[4]->kind != Kind::kInteger || part[4]->integer < 0)
    bad();
  const ElementType* type = storage_type(part[1]->text);
  if (!type) bad();
  if (part.size() == 6 && part[5]->kind != Kind::kNone)
    fail(
        "{}: a storage is a view of another, which only PyTorch before 0.4 wrote: save the file "
        "again with a newer version",
        name);
  return {*type, part[2]->text, part[4]->integer};
}

/// Turns a pickle's values into tensor descriptors.
class Collector {
 public:
  Collector(WeightFile& file, const std::map<std::string, Storage>& storages,
            const std::string& name)
      : file_(file), storages_(storages), name_(name) {}

  void collect(const PickleValue& root) {
    if (root.kind == Kind::kDict)
      for (std::size_t i = 0; i + 1 < root.items.size(); i += 2)
        add_metadata(*root.items[i], *root.items[i + 1]);
    visit(root, "", 0);
    if (file_.tensors.empty() && file_.unread.empty()) fail("{}: holds no tensors", name_);
  }

 private:
  /// A text or number as text, "" for other values.
  static std::string metadata_text(const PickleValue& value) {
    switch (value.kind) {
      case Kind::kText: return value.text;
      case Kind::kInteger: return std::to_string(value.integer);
      case Kind::kReal: return format_number(value.real);
      default: return "";
    }
  }

  void add_metadata(const PickleValue& key, const PickleValue& value) {
    if (key.kind != Kind::kText) return;
    const std::string text = metadata_text(value);
    if (!text.empty() && text == printable(text) && key.text == printable(key.text))
      file_.metadata[key.text] = text;
  }

  void visit(const PickleValue& value, const std::string& path, int depth) {
    // Shared and circular parts could be walked forever.
    if (++visited_ > 2'000'000 || depth > 64)
      fail("{}: its dicts are nested too deep or hold too much", name_);
    if (path.size() > 2000) return;  // too long for a tensor's name
    if (value.kind == Kind::kDict) {
      for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
        const PickleValue& key = *value.items[i];
        if (key.kind != Kind::kText && key.kind != Kind::kInteger) {
          ++visited_;
          continue;
        }
        const std::string text = key.kind == Kind::kText ? key.text : std::to_string(key.integer);
        visit(*value.items[i + 1], join(path, text), depth + 1);
      }
    } else if (value.kind == Kind::kList) {
      for (std::size_t i = 0; i < value.items.size(); ++i)
        visit(*value.items[i], join(path, std::to_string(i)), depth + 1);
    } else if (value.kind == Kind::kCall && makes_tensor(value.text)) {
      add_tensor(value, path.empty() ? "tensor" : path, 0);
    }
  }

  static bool makes_tensor(const std::string& function) {
    return function.starts_with("torch._utils _rebuild_") ||
           function == "torch._tensor _rebuild_from_type_v2" ||
           function == "torch.nn.parameter Parameter";
  }

  static std::string join(const std::string& path, const std::string& key) {
    return path.empty() ? key : path + "." + key;
  }

  void add_tensor(const PickleValue& call, const std::string& key, int depth) {
    check_tensor_name(key, name_);
    const std::string what = name_ + ": tensor " + key;
    const auto bad = [&](const char* why) { fail("{}: {}", what, why); };
    constexpr const char* kForm = "is not described in PyTorch's form";
    if (depth > 4 || call.kind != Kind::kCall) bad(kForm);
    const auto& arguments = call.items;
    std::string_view function = call.text;
    function.remove_prefix(std::min(function.size(), function.find(' ') + 1));
    // Tensors within others: (tensor, ...), and (function, class, its arguments, attributes).
    if (function == "Parameter" || function == "_rebuild_parameter" ||
        function == "_rebuild_parameter_with_state" ||
        function == "_rebuild_device_tensor_from_cpu_tensor") {
      if (arguments.empty()) bad(kForm);
      return add_tensor(*arguments[0], key, depth + 1);
    }
    if (function == "_rebuild_from_type_v2") {
      if (arguments.size() < 3 || arguments[0]->kind != Kind::kGlobal ||
          !makes_tensor(arguments[0]->text) || arguments[2]->kind != Kind::kList)
        bad(kForm);
      PickleValue inner{.kind = Kind::kCall};
      inner.text = arguments[0]->text;
      inner.items = arguments[2]->items;
      return add_tensor(inner, key, depth + 1);
    }
    if (!function.starts_with("_rebuild_tensor"))  // sparse, quantised, without values, ...
      return leave_out(key, {.dtype = std::string(function.substr(std::strlen("_rebuild_")))});
    // (storage, offset, shape, strides, gradient, hooks, type in version 3, metadata)
    const bool has_type = function == "_rebuild_tensor_v3";
    if (arguments.size() < (has_type ? 7U : 4U) || arguments[0]->kind != Kind::kPersistent ||
        arguments[1]->kind != Kind::kInteger)
      bad(kForm);
    const StorageId id = read_storage_id(*arguments[0], name_);
    TensorDescriptor tensor;
    tensor.dtype = id.type.name;
    if (has_type) {
      const PickleValue& type = *arguments[6];
      if (type.kind != Kind::kGlobal || !type.text.starts_with("torch ")) bad(kForm);
      tensor.dtype = type.text.substr(std::strlen("torch "));
      if (const auto known = kTypes.find(tensor.dtype); known != kTypes.end())
        tensor.dtype = known->second;
    }
    tensor.shape = numbers(*arguments[2], what);
    tensor.strides = numbers(*arguments[3], what);
    const std::size_t metadata = has_type ? 7 : 6;
    if (arguments.size() > metadata && is_negated(*arguments[metadata]))
      tensor.dtype = "negated view";
    if (!is_read(tensor.dtype)) return leave_out(key, std::move(tensor));
    const auto storage = storages_.find(id.key);
    if (storage == storages_.end()) bad("its storage is missing");
    const std::uint64_t size = element_size(tensor.dtype);
    const std::uint64_t available = storage->second.size / size;
    if (static_cast<std::uint64_t>(id.elements) > storage->second.size / id.type.size)
      bad("its storage is truncated");
    // An expanded tensor (stride 0) has more elements than its storage.
    const std::uint64_t count = element_count(tensor.shape, size, 1ull << 62, what);
    if (tensor.shape.size() != tensor.strides.size()) bad("does not have one stride per dimension");
    const std::int64_t offset = arguments[1]->integer;
    if (offset < 0 || static_cast<std::uint64_t>(offset) > available)
      bad("lies outside its storage");
    std::uint64_t last = static_cast<std::uint64_t>(offset);
    for (std::size_t d = 0; d < tensor.shape.size() && count > 0; ++d) {
      if (tensor.shape[d] == 1) continue;  // its stride has no effect
      if (tensor.strides[d] < 0 || static_cast<std::uint64_t>(tensor.strides[d]) > available)
        bad("lies outside its storage");
      const auto steps = static_cast<std::uint64_t>(tensor.shape[d] - 1);
      const auto stride = static_cast<std::uint64_t>(tensor.strides[d]);
      if (stride > 0 && steps > (available - last) / stride) bad("lies outside its storage");
      last += steps * stride;
    }
    if (count > 0 && last >= available) bad("lies outside its storage");
    tensor.begin = storage->second.begin + static_cast<std::uint64_t>(offset) * size;
    tensor.end = count == 0 ? tensor.begin : storage->second.begin + (last + 1) * size;
    if (count == 0 || is_row_major(tensor)) tensor.strides.clear();
    reserve(key, tensor, count * size);
    if (!file_.tensors.emplace(key, std::move(tensor)).second)
      fail("{}: two tensors have the name {}", name_, key);
  }

  /// Adds a tensor whose values are not read.
  void leave_out(const std::string& key, TensorDescriptor tensor) {
    tensor.strides.clear();
    reserve(key, tensor, 0);
    if (!file_.unread.emplace(key, std::move(tensor)).second)
      fail("{}: two tensors have the name {}", name_, key);
  }

  /// Bounds the memory for all tensors: descriptors take some too, one tensor can appear under many
  /// names, and an expanded one is larger than its storage.
  void reserve(const std::string& key, const TensorDescriptor& tensor, std::uint64_t bytes) {
    if ((total_ += bytes + key.size() + 16 * tensor.shape.size() + 128) >
        16 * file_.bytes.size() + (64 << 20))
      fail(
          "{}: its tensors share storages or are expanded, and take more than 16 times the file's "
          "size; save them as their contiguous() copies",
          name_);
  }

  /// Whether a tensor's metadata says that its values are those of the storage times -1.
  static bool is_negated(const PickleValue& metadata) {
    if (metadata.kind != Kind::kDict) return false;
    for (std::size_t i = 0; i + 1 < metadata.items.size(); i += 2)
      if (metadata.items[i]->text == "neg" && metadata.items[i + 1]->integer != 0) return true;
    return false;
  }

  /// For a tensor with at least one element.
  static bool is_row_major(const TensorDescriptor& tensor) {
    std::int64_t expected = 1;
    for (std::size_t d = tensor.shape.size(); d-- > 0;) {
      if (tensor.shape[d] != 1 && tensor.strides[d] != expected) return false;
      expected *= tensor.shape[d];
    }
    return true;
  }

  static std::vector<std::int64_t> numbers(const PickleValue& value, const std::string& what) {
    std::vector<std::int64_t> out;
    // torch.Size is a call whose one argument is the list.
    const bool is_size =
        value.kind == Kind::kCall && value.text == "torch Size" && value.items.size() == 1;
    const PickleValue& list = is_size ? *value.items[0] : value;
    if (list.kind != Kind::kList || list.items.size() > 64) fail("{}: bad shape", what);
    for (const PickleValue* item : list.items) {
      if (item->kind != Kind::kInteger) fail("{}: bad shape", what);
      out.push_back(item->integer);
    }
    return out;
  }

  WeightFile& file_;
  const std::map<std::string, Storage>& storages_;
  const std::string& name_;
  std::size_t visited_ = 0;
  std::uint64_t total_ = 0;
};

struct Entry {
  std::string path;
  Storage content;
};

/// The checksums of a zip archive's entries by their paths, from its directory. Empty where it has
/// none that can be read; libarchive complains about such a file.
std::map<std::string, std::uint32_t> zip_checksums(const std::vector<std::uint8_t>& bytes) {
  constexpr std::size_t kEnd = 22, kEnd64 = 56, kLocator = 20, kHeader = 46;
  const auto number = [&](std::size_t at, std::size_t size) {  // little-endian
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size && at + i < bytes.size(); ++i)
      value |= static_cast<std::uint64_t>(bytes[at + i]) << (8 * i);
    return value;
  };
  const auto is = [&](std::uint64_t at, const char* signature) {
    return at <= bytes.size() && bytes.size() - at >= 4 &&
           std::memcmp(bytes.data() + at, signature, 4) == 0;
  };
  std::map<std::string, std::uint32_t> sums;
  if (bytes.size() < kEnd) return sums;
  // The end of the directory has a comment of up to 64 KiB behind it.
  std::size_t end = bytes.size() - kEnd;
  const std::size_t last = end > 0xffff ? end - 0xffff : 0;
  while (end > last && !is(end, "PK\x05\x06")) --end;
  std::uint64_t at = number(end + 16, 4);
  if (end >= kLocator && is(end - kLocator, "PK\x06\x07")) {
    const std::uint64_t end64 = number(end - kLocator + 8, 8);
    if (is(end64, "PK\x06\x06") && bytes.size() - end64 >= kEnd64) at = number(end64 + 48, 8);
  }
  while (is(at, "PK\x01\x02") && bytes.size() - at >= kHeader) {
    const std::uint64_t length = number(at + 28, 2);
    if (bytes.size() - at - kHeader < length) break;
    const auto path = bytes.begin() + static_cast<std::ptrdiff_t>(at + kHeader);
    sums[{path, path + static_cast<std::ptrdiff_t>(length)}] =
        static_cast<std::uint32_t>(number(at + 16, 4));
    at += kHeader + length + number(at + 30, 2) + number(at + 32, 2);
  }
  return sums;
}

/// Whether the entry's content has the checksum that the archive's directory says. 0 stands for
/// none.
bool has_checksum(const std::map<std::string, std::uint32_t>& sums, const Entry& entry,
                  const std::vector<std::uint8_t>& bytes) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  return true;  // a fuzzer would never get past the checksums
#endif
  const auto sum = sums.find(entry.path);
  if (sum == sums.end()) return false;
  const std::uint8_t* content = bytes.data() + entry.content.begin;
  return sum->second == 0 || crc32_z(0, content, entry.content.size) == sum->second;
}

/// Unpacks a zip archive into one buffer.
std::vector<Entry> unpack_zip(const std::vector<std::uint8_t>& bytes,
                              std::vector<std::uint8_t>& out, const std::string& name) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  check_internal(reader != nullptr, "libarchive cannot be set up");
  const auto complain = [&] {
    const char* reason = archive_error_string(reader.get());
    fail("{}: is a damaged or truncated zip archive: {}", name,
         reason ? reason : "no reason given");
  };
  archive_read_support_format_zip_seekable(reader.get());
  // libarchive would refuse the zeros that torch.save writes if it is told to leave checksums out.
  // They are compared below.
  archive_read_set_options(reader.get(), "zip:ignorecrc32");
  const auto checksums = zip_checksums(bytes);
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) complain();
  // torch.save does not compress; a zip bomb does.
  const std::uint64_t limit = 4 * bytes.size() + (1 << 20);
  std::vector<Entry> entries;
  std::vector<std::uint8_t> block(1 << 20);
  out.reserve(bytes.size());
  for (;;) {
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(reader.get(), &entry);
    if (code == ARCHIVE_EOF) return entries;
    if (code != ARCHIVE_OK) complain();
    const char* path = archive_entry_pathname(entry);
    if (!path || entries.size() == 1'000'000)
      fail("{}: is a damaged zip archive: entries without names, or too many", name);
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    out.resize((out.size() + 15) / 16 * 16);  // elements aligned
    Entry found{path, {out.size(), 0}};
    for (;;) {
      const la_ssize_t got = archive_read_data(reader.get(), block.data(), block.size());
      if (got == 0) break;
      if (got < 0) complain();
      if (out.size() + static_cast<std::uint64_t>(got) > limit)
        fail("{}: unpacks to more than four times its size: not a file of torch.save", name);
      out.insert(out.end(), block.begin(), block.begin() + got);
    }
    found.content.size = out.size() - found.content.begin;
    if (!has_checksum(checksums, found, out))
      fail("{}: is a damaged zip archive: bad CRC of {}", name, printable(found.path));
    if (found.path.ends_with("/data.pkl") &&
        std::any_of(entries.begin(), entries.end(),
                    [&](const Entry& other) { return other.path == found.path; }))
      fail("{}: has data.pkl twice", name);
    entries.push_back(std::move(found));
  }
}

WeightFile parse_zip(const std::vector<std::uint8_t>& bytes, const std::string& name) {
  WeightFile file;
  file.format = "torch zip";
  const auto entries = unpack_zip(bytes, file.bytes, name);
  const auto data = std::find_if(entries.begin(), entries.end(), [](const Entry& entry) {
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
    const auto content = std::span(file.bytes).subspan(entry.content.begin, entry.content.size);
    if (entry.path == top + "byteorder" && std::string(content.begin(), content.end()) != "little")
      fail("{}: its byte order is not little-endian", name);
    if (entry.path.starts_with(top + "data/") &&
        !storages.emplace(entry.path.substr(top.size() + 5), entry.content).second)
      fail("{}: has entry {} twice", name, printable(entry.path));
  }
  std::size_t at = 0;
  const Pickle pickle =
      read_pickle(std::span(file.bytes).subspan(data->content.begin, data->content.size), at, name,
                  torch_file_globals());
  Collector(file, storages, name).collect(*pickle.root);
  return file;
}

WeightFile parse_legacy(std::vector<std::uint8_t> bytes, const std::string& name) {
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
  Collector(file, storages, name).collect(*pickle.root);
  return file;
}

bool is_zip(const std::vector<std::uint8_t>& bytes) {
  return bytes.size() >= 4 && std::memcmp(bytes.data(), "PK\x03\x04", 4) == 0;
}

}  // namespace

const std::set<std::string, std::less<>>& torch_file_globals() {
  static const auto names = allowed_names();
  return names;
}

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
