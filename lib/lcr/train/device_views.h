// Renders views on a CUDA device, from images in its memory: the device's form of render_view(),
// byte for byte the same. Only in builds with CUDA kernels (LCR_WITH_CUDA_KERNELS).
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <c10/core/Event.h>
#include <c10/core/Stream.h>
#include <torch/types.h>

#include "lcr/data/loader.h"

namespace lcr {

/// The views of a batch, which the device may still be rendering.
class RenderedViews {
 public:
  /// views: of one memory, written by the work that `stream` has so far.
  RenderedViews(std::vector<torch::Tensor> views, const c10::Stream& stream);

  /// The views, each N x size x size x 3 uint8 on the device. What the current stream gets from now
  /// on waits for them; the host does not.
  const std::vector<torch::Tensor>& get();

 private:
  std::vector<torch::Tensor> views_;
  c10::Event written_;
};

/// A set's images for one CUDA device: all of them in its memory if they fit into `resident_share`
/// of what is free, else copied batch by batch through pinned memory. All memory is LibTorch's;
/// views are rendered on a stream of the object's own, beside the device's other work.
class DeviceViews {
 public:
  /// `set` must outlive the object. Like render(), throws std::runtime_error if the device fails.
  DeviceViews(const ImageSet& set, const torch::Device& device, double resident_share);

  /// Starts to render the views of a batch.
  RenderedViews render(const BatchPlan& plan, std::int64_t size) const;

  /// Whether all images are in the device's memory.
  bool resident() const { return pixels_.defined(); }

 private:
  /// A tensor on the device with the images of a batch, and the place of the first byte of each, by
  /// sample.
  torch::Tensor batch_pixels(const BatchPlan& plan,
                             std::map<std::int64_t, std::int64_t>& place) const;

  const ImageSet& set_;
  torch::Device device_;
  c10::Stream stream_;
  torch::Tensor pixels_;              ///< of all images, if resident()
  std::vector<std::int64_t> offset_;  ///< of each image in pixels_
};

}  // namespace lcr
