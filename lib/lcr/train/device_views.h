// Views rendered on a CUDA device from images that lie there: the device's form of render_view(),
// byte for byte the same. Only in builds with CUDA kernels (LCR_WITH_CUDA_KERNELS).
#pragma once

#include <utility>
#include <vector>

#include <torch/types.h>

#include "lcr/data/loader.h"

namespace lcr {

/// A set's images for one CUDA device: all of them in its memory where they fit into a share of
/// what is free, else copied batch by batch through pinned memory. All memory is LibTorch's; work
/// goes to the device's current stream.
class DeviceViews {
 public:
  /// `set` must outlive the object.
  DeviceViews(const ImageSet& set, const torch::Device& device, double resident_share = 0.5);

  /// The query and key views of a batch, each N x size x size x 3 uint8 on the device.
  std::pair<torch::Tensor, torch::Tensor> render(const BatchPlan& plan, std::int64_t size) const;

  bool resident() const { return pixels_.defined(); }  ///< whether all images lie on the device

 private:
  const ImageSet& set_;
  torch::Device device_;
  torch::Tensor pixels_;              ///< of all images, where they lie on the device
  std::vector<std::int64_t> offset_;  ///< of each image in pixels_
};

}  // namespace lcr
