#include "lcr/train/checkpoint_file.h"

#include <fmt/core.h>

#include "lcr/base/text.h"
#include "lcr/model/weights.h"
#include "lcr/weights/safetensors.h"

namespace lcr {
namespace {

constexpr const char* kMethodPrefix = "method.";

}  // namespace

NamedTensors method_tensors(const Method& method) {
  NamedTensors tensors;
  for (const auto& [name, tensor] : named_tensors(method)) tensors[kMethodPrefix + name] = tensor;
  return tensors;
}

std::pair<WeightFile, CheckpointInfo> read_checkpoint(const std::filesystem::path& path,
                                                      const std::string& identity) {
  WeightFile file = read_safetensors(path);
  const auto entry = [&](const char* name) {
    const auto found = file.metadata.find(name);
    if (found == file.metadata.end())
      fail("{}: is not a checkpoint: its header has no '{}'", path.string(), name);
    return found->second;
  };
  if (entry("format") != kCheckpointFormat)
    throw ForeignCheckpoint(
        fmt::format("{}: has checkpoint format '{}'; this program reads '{}': use the program that "
                    "wrote it, or remove it",
                    path.string(), printable(entry("format")), kCheckpointFormat));
  if (!file.checksummed) fail("{}: damaged: it carries no checksum", path.string());
  if (entry("identity") != identity)
    throw ForeignCheckpoint(fmt::format("{}: belongs to run {}, not to {}: remove it",
                                        path.string(), printable(entry("identity").substr(0, 12)),
                                        identity.substr(0, 12)));
  const auto count = [&](const char* name) {
    const auto value = parse_integer(entry(name));
    if (!value || *value < 0) fail("{}: bad {} '{}'", path.string(), name, entry(name));
    return *value;
  };
  CheckpointInfo info{.identity = identity,
                      .epochs_done = count("epochs_done"),
                      .steps_done = count("steps_done"),
                      .environment = entry("environment"),
                      .progress = entry("progress")};
  return {std::move(file), std::move(info)};
}

void copy_tensors(const WeightFile& file, const std::filesystem::path& path, NamedTensors tensors) {
  for (const auto& [name, tensor] : tensors) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end() || found->second.shape != tensor.sizes().vec())
      fail("{}: tensor {} is missing or has another shape", path.string(), name);
  }
  if (tensors.size() != file.tensors.size())
    fail("{}: holds {} tensors, but the run has {}", path.string(), file.tensors.size(),
         tensors.size());
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : tensors) tensor.copy_(read_tensor(file, name));
}

void load_method(Method& method, const std::filesystem::path& path, const std::string& identity) {
  WeightFile file = read_checkpoint(path, identity).first;
  std::erase_if(file.tensors,
                [](const auto& entry) { return !entry.first.starts_with(kMethodPrefix); });
  copy_tensors(file, path, method_tensors(method));
}

}  // namespace lcr
