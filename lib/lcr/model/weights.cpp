#include "lcr/model/weights.h"

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/weights/safetensors.h"

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

/// The number of a file's tensors that fit, and the prefixes under which so many do.
struct Prefixes {
  std::size_t most = 0;
  std::vector<std::string> best;
};

Prefixes best_prefixes(const std::map<std::string, torch::Tensor>& own, const WeightFile& file) {
  std::map<std::string, std::size_t> found;  // prefix -> tensors
  for (const auto* tensors : {&file.tensors, &file.unread})
    for (const auto& [name, descriptor] : *tensors)
      for (std::size_t at = 0; at != std::string::npos;) {
        const auto same = own.find(name.substr(at));
        if (same != own.end() && same->second.sizes().vec() == descriptor.shape)
          ++found[name.substr(0, at)];
        const auto dot = name.find('.', at);
        at = dot == std::string::npos ? dot : dot + 1;
      }
  Prefixes prefixes;
  for (const auto& [prefix, count] : found) prefixes.most = std::max(prefixes.most, count);
  for (const auto& [prefix, count] : found)
    if (count == prefixes.most) prefixes.best.push_back(prefix);
  return prefixes;
}

const TensorDescriptor* find_tensor(const WeightFile& file, const std::string& name) {
  for (const auto* tensors : {&file.tensors, &file.unread})
    if (const auto found = tensors->find(name); found != tensors->end()) return &found->second;
  return nullptr;
}

/// Whether the first part of the name is that of a ResNet's child, of any depth.
bool is_part_of_resnet(const std::string& name) {
  const std::string child = name.substr(0, name.find('.'));
  return child == "conv1" || child == "bn1" ||
         (child.starts_with("layer") && parse_integer(child.substr(5)).has_value());
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

std::map<std::string, std::string> name_sequential_children(WeightFile& file) {
  static const std::map<std::string, std::string> children = {{"0", "conv1"},  {"1", "bn1"},
                                                              {"4", "layer1"}, {"5", "layer2"},
                                                              {"6", "layer3"}, {"7", "layer4"}};
  const auto has = [&](const std::string& name) {
    return file.tensors.contains(name) || file.unread.contains(name);
  };
  const std::string block = "4.0.conv1.weight";
  std::set<std::string> prefixes;
  std::map<std::string, std::string> renamed;
  for (const auto* tensors : {&file.tensors, &file.unread})
    for (const auto& [name, tensor] : *tensors) {
      if (!name.ends_with(block)) continue;
      const std::string prefix = name.substr(0, name.size() - block.size());
      if ((prefix.empty() || prefix.back() == '.') && has(prefix + "0.weight") &&
          !has(prefix + "conv1.weight"))
        prefixes.insert(prefix);
    }
  const auto new_name = [&](const std::string& name) -> std::string {
    for (std::size_t at = 0;;) {
      const auto dot = name.find('.', at);
      if (dot == std::string::npos) return name;
      const auto child = children.find(name.substr(at, dot - at));
      if (child != children.end() && prefixes.contains(name.substr(0, at)))
        return name.substr(0, at) + child->second + name.substr(dot);
      at = dot + 1;
    }
  };
  if (prefixes.empty()) return renamed;
  for (auto* tensors : {&file.tensors, &file.unread}) {
    std::map<std::string, TensorDescriptor> all;
    for (auto& [name, tensor] : *tensors) {
      std::string other = new_name(name);
      if (other != name && has(other)) other = name;
      if (other != name) renamed[other] = name;
      all.emplace(other, tensor);
    }
    *tensors = std::move(all);
  }
  return renamed;
}

std::string find_prefix(const torch::nn::Module& module, const WeightFile& file,
                        const std::string& path) {
  const auto own = named_tensors(module);
  const auto [most, best] = best_prefixes(own, file);
  std::vector<std::string> trained;
  if (2 * most < own.size())
    return best.size() == 1 ? best.front() : "";  // the file holds another network
  for (const auto& prefix : best)
    if (!is_moving_copy(prefix)) trained.push_back(prefix);
  if (best.size() > 1 && trained.size() == 1) return trained.front();
  if (best.size() > 1) {
    std::vector<std::string> values;
    for (const auto& prefix : best)
      values.push_back(prefix.empty() ? kNoPrefix + std::string(" (for the names without prefix)")
                                      : prefix);
    fail("{}: holds several networks of this kind; choose one with --init-prefix: {}", path,
         join(values, ", "));
  }
  return best.empty() ? "" : best.front();
}

std::vector<std::string> without_counters(std::vector<std::string> names) {
  std::erase_if(names,
                [](const std::string& name) { return name.ends_with("num_batches_tracked"); });
  return names;
}

std::string list_names(std::vector<std::string> names, std::size_t most) {
  const std::size_t count = names.size();
  if (count == 0) return "none";
  if (count > most) names.resize(most);
  return fmt::format("{} ({}{})", count, join(names, ", "), count > most ? ", ..." : "");
}

LoadReport compare_weights(const torch::nn::Module& module, const WeightFile& file,
                           const std::string& prefix) {
  LoadReport report;
  report.prefix = prefix;
  const auto own = named_tensors(module);
  for (const auto& [name, tensor] : own) {
    const TensorDescriptor* found = find_tensor(file, prefix + name);
    if (!found)
      report.missing.push_back(name);
    else if (found->shape != tensor.sizes().vec())
      report.misshapen.push_back(name);
    else
      ++report.loaded;
  }
  for (const auto* tensors : {&file.tensors, &file.unread})
    for (const auto& [name, descriptor] : *tensors) {
      if (!name.starts_with(prefix)) {
        ++report.outside;
        continue;
      }
      const std::string rest = name.substr(prefix.size());
      if (own.contains(rest)) continue;
      report.unexpected.push_back(rest);
      if (is_part_of_resnet(rest)) report.left_over.push_back(rest);
    }
  return report;
}

LoadReport best_comparison(const torch::nn::Module& module, const WeightFile& file) {
  const auto [most, best] = best_prefixes(named_tensors(module), file);
  return compare_weights(module, file, best.empty() ? "" : best.front());
}

LoadReport load_weights(torch::nn::Module& module, const WeightFile& file, const std::string& path,
                        const std::string& prefix) {
  const torch::NoGradGuard no_grad;
  auto own = named_tensors(module);
  for (const auto& [name, tensor] : own)
    if (const auto unread = file.unread.find(prefix + name); unread != file.unread.end())
      fail("{}: tensor {} is of type '{}', which is not read: save it as float32", path,
           unread->first, printable(unread->second.dtype));
  const LoadReport report = compare_weights(module, file, prefix);
  for (auto& [name, tensor] : own) {
    const auto found = file.tensors.find(prefix + name);
    if (found != file.tensors.end() && found->second.shape == tensor.sizes().vec())
      tensor.copy_(read_tensor(file, found->first));
  }
  return report;
}

}  // namespace lcr
