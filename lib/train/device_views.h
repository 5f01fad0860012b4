// Views rendered on a CUDA device from images that lie there: the device's form of render_view(), byte for byte the same.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "lcr/data/augment.h"
#include "lcr/data/image_set.h"

namespace lcr {

/// A set's images for one CUDA device: all of them in its memory where they fit into half of what is free, else copied batch by
/// batch through pinned memory. Calls run on the given CUDA stream (a cudaStream_t).
class DeviceViews {
 public:
  /// `set` must outlive the object. Throws UserError if the device has no memory left.
  DeviceViews(const ImageSet& set, int device, void* stream);
  ~DeviceViews();
  DeviceViews(const DeviceViews&) = delete;
  DeviceViews& operator=(const DeviceViews&) = delete;

  /// Renders one view of each sample, N x size x size x 3 bytes, and returns where they lie on the device: until the next call with the
  /// same `slot` (0 or 1).
  const std::uint8_t* render(std::span<const std::int64_t> samples, std::span<const ViewParameters> views, std::int64_t size, int slot, void* stream);

  bool resident() const;  ///< whether all images lie on the device

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lcr
