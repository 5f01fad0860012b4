#include "lcr/model/input.h"

namespace lcr {

torch::Tensor to_input(const std::vector<std::uint8_t>& images, std::int64_t count, std::int64_t size, const torch::Device& device) {
  const torch::Tensor bytes = torch::from_blob(const_cast<std::uint8_t*>(images.data()), {count, size, size, 3}, torch::kUInt8);
  const auto floats = torch::TensorOptions().dtype(torch::kFloat32).device(device);
  const torch::Tensor mean = torch::tensor({0.485F, 0.456F, 0.406F}, floats) * 255, sd = torch::tensor({0.229F, 0.224F, 0.225F}, floats) * 255;
  // N x H x W x 3 seen as N x 3 x H x W is exactly the channels_last layout.
  return ((bytes.to(device).to(torch::kFloat32) - mean) / sd).permute({0, 3, 1, 2});
}

}  // namespace lcr
