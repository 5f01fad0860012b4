#include "lcr/model/weights.h"

#include <algorithm>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/data/safetensors.h"

namespace lcr {
namespace {

const std::map<std::string, torch::ScalarType>& types() {
  static const std::map<std::string, torch::ScalarType> map = {
      {"F64", torch::kDouble},    {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
      {"BF16", torch::kBFloat16}, {"I64", torch::kLong},    {"I32", torch::kInt32},
      {"I16", torch::kInt16},     {"I8", torch::kInt8},     {"U8", torch::kUInt8},
      {"BOOL", torch::kBool}};
  return map;
}

/// Whether a part of the prefix names the slowly moving copy of a network.
bool is_moving_copy(const std::string& prefix) {
  for (const auto& part : split(prefix, '.'))
    for (const std::string copy : {"k", "key", "target", "teacher", "momentum", "ema"})
      if (part == copy || part.ends_with("_" + copy) || part.starts_with(copy + "_")) return true;
  return false;
}

}  // namespace

torch::Tensor read_tensor(const WeightFile& file, const std::string& name) {
  const TensorDescriptor& tensor = file.tensors.at(name);
  torch::Tensor out = torch::empty(tensor.shape, types().at(tensor.dtype));
  copy_row_major(file, tensor, static_cast<std::uint8_t*>(out.data_ptr()));
  return out;
}

void write_tensors(const std::filesystem::path& path,
                   const std::map<std::string, torch::Tensor>& tensors,
                   const std::map<std::string, std::string>& metadata) {
  std::map<std::string, torch::Tensor> kept;  // alive until the bytes are written
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

std::map<std::string, torch::Tensor> named_tensors(const torch::nn::Module& module) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& item : module.named_parameters()) tensors[item.key()] = item.value();
  for (const auto& item : module.named_buffers()) tensors[item.key()] = item.value();
  return tensors;
}

std::string find_prefix(const torch::nn::Module& module, const WeightFile& file,
                        const std::string& path) {
  const auto own = named_tensors(module);
  std::map<std::string, std::size_t> found;  // prefix -> tensors
  for (const auto& [name, descriptor] : file.tensors)
    for (std::size_t at = 0; at != std::string::npos;) {
      const auto same = own.find(name.substr(at));
      if (same != own.end() && same->second.sizes().vec() == descriptor.shape)
        ++found[name.substr(0, at)];
      const auto dot = name.find('.', at);
      at = dot == std::string::npos ? dot : dot + 1;
    }
  std::size_t most = 0;
  for (const auto& [prefix, count] : found) most = std::max(most, count);
  std::vector<std::string> best;
  std::vector<std::string> trained;
  for (const auto& [prefix, count] : found)
    if (count == most) best.push_back(prefix);
  if (2 * most < own.size())
    return best.size() == 1 ? best.front() : "";  // the file holds another network
  for (const auto& prefix : best)
    if (!is_moving_copy(prefix)) trained.push_back(prefix);
  if (best.size() > 1 && trained.size() == 1) return trained.front();
  if (best.size() > 1)
    fail("{}: holds several networks of this kind; choose one with --init-prefix: {}", path,
         join(best, ", "));
  return best.empty() ? "" : best.front();
}

LoadReport load_weights(torch::nn::Module& module, const WeightFile& file,
                        const std::string& prefix) {
  const torch::NoGradGuard no_grad;
  LoadReport report;
  report.prefix = prefix;
  auto own = named_tensors(module);
  for (auto& [name, tensor] : own) {
    const auto found = file.tensors.find(prefix + name);
    if (found == file.tensors.end())
      report.missing.push_back(name);
    else if (found->second.shape != tensor.sizes().vec())
      report.misshapen.push_back(name);
    else {
      tensor.copy_(read_tensor(file, prefix + name));
      ++report.loaded;
    }
  }
  for (const auto& [name, descriptor] : file.tensors) {
    if (!name.starts_with(prefix))
      ++report.outside;
    else if (!own.contains(name.substr(prefix.size())))
      report.unexpected.push_back(name.substr(prefix.size()));
  }
  return report;
}

}  // namespace lcr
