#include "lcr/weights/torch_tensors.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "lcr/base/error.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

/// Turns a pickle's values into tensor descriptors.
class Collector {
  using Kind = PickleValue::Kind;

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

  [[noreturn]] static void bad(const std::string& what, const char* why) {
    fail("{}: {}", what, why);
  }

  void add_tensor(const PickleValue& call, const std::string& key, int depth) {
    check_tensor_name(key, name_);
    const std::string what = name_ + ": tensor " + key;
    if (depth > 4 || call.kind != Kind::kCall) bad(what, kForm);
    const auto& arguments = call.items;
    std::string_view function = call.text;
    function.remove_prefix(std::min(function.size(), function.find(' ') + 1));
    // Tensors within others: (tensor, ...), and (function, class, its arguments, attributes).
    if (function == "Parameter" || function == "_rebuild_parameter" ||
        function == "_rebuild_parameter_with_state" ||
        function == "_rebuild_device_tensor_from_cpu_tensor") {
      if (arguments.empty()) bad(what, kForm);
      return add_tensor(*arguments[0], key, depth + 1);
    }
    if (function == "_rebuild_from_type_v2") {
      if (arguments.size() < 3 || arguments[0]->kind != Kind::kGlobal ||
          !makes_tensor(arguments[0]->text) || arguments[2]->kind != Kind::kList)
        bad(what, kForm);
      PickleValue inner{.kind = Kind::kCall};
      inner.text = arguments[0]->text;
      inner.items = arguments[2]->items;
      return add_tensor(inner, key, depth + 1);
    }
    if (!function.starts_with("_rebuild_tensor"))  // sparse, quantised, without values, ...
      return leave_out(key, {.dtype = std::string(function.substr(std::strlen("_rebuild_")))});
    add_strided(arguments, /*has_type=*/function == "_rebuild_tensor_v3", key, what);
  }

  /// Adds the tensor of a call's arguments: (storage, offset, shape, strides, gradient, hooks, type
  /// in version 3, metadata).
  void add_strided(const std::vector<const PickleValue*>& arguments, bool has_type,
                   const std::string& key, const std::string& what) {
    if (arguments.size() < (has_type ? 7U : 4U) || arguments[0]->kind != Kind::kPersistent ||
        arguments[1]->kind != Kind::kInteger)
      bad(what, kForm);
    const StorageId id = read_storage_id(*arguments[0], name_);
    TensorDescriptor tensor;
    tensor.dtype = id.type.name;
    if (has_type) {
      const PickleValue& type = *arguments[6];
      if (type.kind != Kind::kGlobal || !type.text.starts_with("torch ")) bad(what, kForm);
      tensor.dtype = element_type_name(type.text.substr(std::strlen("torch ")));
    }
    tensor.shape = numbers(*arguments[2], what);
    tensor.strides = numbers(*arguments[3], what);
    const std::size_t metadata = has_type ? 7 : 6;
    if (arguments.size() > metadata && is_negated(*arguments[metadata]))
      tensor.dtype = "negated view";
    if (!is_read(tensor.dtype)) return leave_out(key, std::move(tensor));
    const auto storage = storages_.find(id.key);
    if (storage == storages_.end()) bad(what, "its storage is missing");
    if (static_cast<std::uint64_t>(id.elements) > storage->second.size / id.type.size)
      bad(what, "its storage is truncated");
    const std::uint64_t count = locate(tensor, storage->second, arguments[1]->integer, what);
    if (count == 0 || is_row_major(tensor)) tensor.strides.clear();
    reserve(key, tensor, count * element_size(tensor.dtype));
    if (!file_.tensors.emplace(key, std::move(tensor)).second)
      fail("{}: two tensors have the name {}", name_, key);
  }

  /// Sets where in the file the tensor's bytes are, from its shape, strides and offset in its
  /// storage. Returns the number of its elements.
  static std::uint64_t locate(TensorDescriptor& tensor, const Storage& storage, std::int64_t offset,
                              const std::string& what) {
    const std::uint64_t size = element_size(tensor.dtype);
    const std::uint64_t available = storage.size / size;
    // An expanded tensor (stride 0) has more elements than its storage.
    const std::uint64_t count = element_count(tensor.shape, size, 1ull << 62, what);
    if (tensor.shape.size() != tensor.strides.size())
      bad(what, "does not have one stride per dimension");
    if (offset < 0 || static_cast<std::uint64_t>(offset) > available)
      bad(what, "lies outside its storage");
    std::uint64_t last = static_cast<std::uint64_t>(offset);
    for (std::size_t d = 0; d < tensor.shape.size() && count > 0; ++d) {
      if (tensor.shape[d] == 1) continue;  // its stride has no effect
      if (tensor.strides[d] < 0 || static_cast<std::uint64_t>(tensor.strides[d]) > available)
        bad(what, "lies outside its storage");
      const auto steps = static_cast<std::uint64_t>(tensor.shape[d] - 1);
      const auto stride = static_cast<std::uint64_t>(tensor.strides[d]);
      if (stride > 0 && steps > (available - last) / stride) bad(what, "lies outside its storage");
      last += steps * stride;
    }
    if (count > 0 && last >= available) bad(what, "lies outside its storage");
    tensor.begin = storage.begin + static_cast<std::uint64_t>(offset) * size;
    tensor.end = count == 0 ? tensor.begin : storage.begin + (last + 1) * size;
    return count;
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

  static constexpr const char* kForm = "is not described in PyTorch's form";

  WeightFile& file_;
  const std::map<std::string, Storage>& storages_;
  const std::string& name_;
  std::size_t visited_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace

StorageId read_storage_id(const PickleValue& value, const std::string& name) {
  using Kind = PickleValue::Kind;
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

void collect_tensors(WeightFile& file, const PickleValue& root,
                     const std::map<std::string, Storage>& storages, const std::string& name) {
  Collector(file, storages, name).collect(root);
}

}  // namespace lcr
