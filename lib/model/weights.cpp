#include "lcr/model/weights.h"

#include "lcr/base/error.h"

namespace lcr {
namespace {

const std::map<std::string, torch::ScalarType>& types() {
  static const std::map<std::string, torch::ScalarType> map = {{"F64", torch::kDouble}, {"F32", torch::kFloat32}, {"F16", torch::kFloat16}, {"BF16", torch::kBFloat16}, {"I64", torch::kLong},
                                                               {"I32", torch::kInt32},  {"I16", torch::kInt16},   {"I8", torch::kInt8},     {"U8", torch::kUInt8},     {"BOOL", torch::kBool}};
  return map;
}

}  // namespace

torch::Tensor read_tensor(const SafetensorsFile& file, const std::string& name) {
  const TensorDescriptor& tensor = file.tensors.at(name);
  return torch::from_blob(const_cast<std::uint8_t*>(file.bytes.data() + tensor.begin), tensor.shape, types().at(tensor.dtype)).clone();
}

void write_tensors(const std::filesystem::path& path, const std::map<std::string, torch::Tensor>& tensors, const std::map<std::string, std::string>& metadata) {
  std::map<std::string, torch::Tensor> kept;  // until the bytes are written
  std::map<std::string, TensorToWrite> out;
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor plain = tensor.detach().cpu().contiguous();
    kept[name] = plain;
    for (const auto& [dtype, type] : types())
      if (type == plain.scalar_type()) out[name] = {dtype, plain.sizes().vec(), plain.data_ptr()};
    check_internal(out.contains(name), "a tensor type without a safetensors name");
  }
  write_safetensors(path, out, metadata);
}

LoadReport load_weights(torch::nn::Module& module, const SafetensorsFile& file) {
  const torch::NoGradGuard no_grad;
  LoadReport report;
  std::map<std::string, torch::Tensor> own;
  for (const auto& item : module.named_parameters()) own[item.key()] = item.value();
  for (const auto& item : module.named_buffers()) own[item.key()] = item.value();
  for (auto& [name, tensor] : own) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end())
      report.missing.push_back(name);
    else if (found->second.shape != tensor.sizes().vec())
      report.misshapen.push_back(name);
    else {
      tensor.copy_(read_tensor(file, name));
      ++report.loaded;
    }
  }
  for (const auto& [name, descriptor] : file.tensors)
    if (!own.contains(name)) report.unexpected.push_back(name);
  return report;
}

}  // namespace lcr
