// Converts image bytes to the network's input.
#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace lcr {

/// Converts uint8 images (N x size x size x 3, on the host) to a normalised float tensor N x 3 x
/// size x size in channels_last layout on the device: (x / 255 - mean) / sd with ImageNet's channel
/// statistics, as torchvision's models expect.
torch::Tensor to_input(const std::vector<std::uint8_t>& images, std::int64_t count,
                       std::int64_t size, const torch::Device& device);

/// The same for bytes that are already on their device: N x size x size x 3.
torch::Tensor to_input(const torch::Tensor& bytes);

}  // namespace lcr
