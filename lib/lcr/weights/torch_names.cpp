#include "lcr/weights/torch_names.h"

#include <cstring>
#include <map>

#include "lcr/base/text.h"

namespace lcr {
namespace {

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

/// The other types that a file may name.
constexpr std::string_view kOtherTypes =
    "uint16 uint32 uint64 uint1 uint2 uint3 uint4 uint5 uint6 uint7 int1 int2 int3 int4 "
    "int5 int6 int7 complex32 complex64 complex128 float4_e2m1fn_x2 float8_e4m3fn "
    "float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu bits8 bits16 bits1x8 "
    "bits2x4 bits4x2 qint8 quint8 qint32 quint4x2 quint2x4 per_tensor_affine "
    "per_tensor_symmetric per_channel_affine per_channel_symmetric "
    "per_channel_affine_float_qparams";

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
  for (const auto& name : split(kOtherTypes, ' ')) names.insert("torch " + name);
  return names;
}

}  // namespace

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

std::string element_type_name(const std::string& torch_name) {
  const auto known = kTypes.find(torch_name);
  return known == kTypes.end() ? torch_name : known->second;
}

const std::set<std::string, std::less<>>& torch_file_globals() {
  static const auto names = allowed_names();
  return names;
}

}  // namespace lcr
