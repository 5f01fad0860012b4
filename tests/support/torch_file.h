// Writes checkpoints as torch.save did before version 1.6, without PyTorch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lcr::testing {

/// A float32 or int64 tensor, row-major.
struct SavedTensor {
  std::string dtype;  ///< "F32" or "I64"
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> bytes;
};

/// The bytes of a checkpoint {"epoch": epoch, "arch": "resnet50", "state_dict": ..., "optimizer":
/// ...}. The optimizer's state has one tensor, optimizer.state.0.momentum_buffer.
inline std::string torch_checkpoint(std::map<std::string, SavedTensor> state, std::int32_t epoch) {
  const auto little = [](std::uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i & 255);
    return out;
  };
  const auto text = [&](const std::string& value) { return "X" + little(value.size(), 4) + value; };
  const auto integer = [&](std::int64_t value) {
    return "J" + little(static_cast<std::uint64_t>(value), 4);
  };
  const std::string start = "\x80\x02";
  std::string keys, storages;
  int count = 0;
  const auto tensor = [&](const SavedTensor& saved) {
    const std::string key = std::to_string(count++);
    const bool real = saved.dtype == "F32";
    const std::size_t elements = saved.bytes.size() / (real ? 4 : 8);
    keys += text(key);
    storages += little(elements, 8) + std::string(saved.bytes.begin(), saved.bytes.end());
    std::string sizes, strides;
    std::int64_t stride = 1;
    for (std::size_t d = saved.shape.size(); d-- > 0; stride *= saved.shape[d])
      strides = integer(stride) + strides;
    for (const auto size : saved.shape) sizes += integer(size);
    return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\n" +
           (real ? "FloatStorage\n" : "LongStorage\n") + text(key) + text("cpu") +
           integer(static_cast<std::int64_t>(elements)) + "NtQ" + integer(0) + "(" + sizes + "t(" +
           strides + "t\x89" + "ccollections\nOrderedDict\n)RtR";
  };
  std::string tensors;
  for (const auto& [name, saved] : state) tensors += text(name) + tensor(saved);
  const std::string velocity = tensor({"F32", {2}, std::vector<std::uint8_t>(8)});
  return start + "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + start + "M\xe9\x03." +
         start + "}(" + text("little_endian") + "\x88u." +  //
         start + "}(" + text("epoch") + integer(epoch) + text("arch") + text("resnet50") +
         text("state_dict") + "}(" + tensors + "u" + text("optimizer") + "}(" + text("state") +
         "}(" + integer(0) + "}(" + text("momentum_buffer") + velocity + "uu" +
         text("param_groups") + "]uu." + start + "](" + keys + "e." + storages;
}

}  // namespace lcr::testing
