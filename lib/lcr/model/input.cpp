#include "lcr/model/input.h"

#include <map>
#include <mutex>
#include <string>

#include "lcr/model/intra_op_threads.h"

namespace lcr {
namespace {

/// ImageNet's channel statistics, of values in [0, 255].
struct ChannelStatistics {
  torch::Tensor mean, sd;
};

/// Copied to a device once: each copy waits for all work that is queued there.
const ChannelStatistics& channel_statistics(const torch::Device& device) {
  static std::mutex mutex;
  // Never destroyed: CUDA is gone when static objects are.
  static auto& by_device = *new std::map<std::string, ChannelStatistics>;
  const std::lock_guard<std::mutex> lock(mutex);
  auto& statistics = by_device[device.str()];
  if (!statistics.mean.defined())
    statistics = {torch::tensor({0.485F, 0.456F, 0.406F}).to(device) * 255,
                  torch::tensor({0.229F, 0.224F, 0.225F}).to(device) * 255};
  return statistics;
}

/// Normalises values in [0, 255], float32, channels last.
torch::Tensor normalised(const torch::Tensor& values) {
  const auto [mean, sd] = channel_statistics(values.device());
  return (values - mean) / sd;
}

}  // namespace

torch::Tensor to_input(const torch::Tensor& bytes) {
  return normalised(bytes.to(torch::kFloat32)).permute({0, 3, 1, 2});
}

torch::Tensor to_input(const std::vector<std::uint8_t>& images, std::int64_t count,
                       std::int64_t size, const torch::Device& device) {
  // N x H x W x 3 viewed as N x 3 x H x W is exactly the channels_last layout.
  if (!device.is_cpu()) {
    const torch::Tensor bytes = torch::from_blob(const_cast<std::uint8_t*>(images.data()),
                                                 {count, size, size, 3}, torch::kUInt8);
    return to_input(bytes.to(device));
  }
  // On the CPU, a table of the 256 byte values takes one pass instead of four.
  static const torch::Tensor table =
      normalised(torch::arange(256, torch::kFloat32).unsqueeze(1).expand({256, 3})).contiguous();
  const float* values = table.data_ptr<float>();
  torch::Tensor out = torch::empty({count, size, size, 3});
  float* target = out.data_ptr<float>();
  at::parallel_for(0, count * size * size, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin * 3; i < end * 3; i += 3)
      for (std::int64_t channel = 0; channel < 3; ++channel)
        target[i + channel] = values[images[static_cast<std::size_t>(i + channel)] * 3 + channel];
  });
  return out.permute({0, 3, 1, 2});
}

}  // namespace lcr
