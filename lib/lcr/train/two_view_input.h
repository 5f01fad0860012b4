// The network's input, batch by batch: views rendered by host threads or on the CUDA device.
#pragma once

#include <memory>
#include <optional>

#include <torch/types.h>

#include "lcr/data/loader.h"
#include "lcr/method/method.h"

namespace lcr {

class DeviceViews;
class RenderedViews;

/// Renders a set's views on a CUDA device (DeviceViewOptions); null for the CPU and in builds
/// without CUDA kernels.
std::shared_ptr<DeviceViews> make_device_views(const ImageSet& set, const torch::Device& device,
                                               const Options& options);

/// One rank's share of the batches of one epoch, starting at batch `first`, with the views of
/// `shares` on the device. Before normalisation, host and device render the same bytes.
class TwoViewInput {
 public:
  /// `set` and `options` must outlive the object. views: from make_device_views(); if null,
  /// `workers` host threads render.
  TwoViewInput(const ImageSet& set, const Options& options, std::uint64_t seed, std::int64_t epoch,
               int workers, int rank, int ranks, const torch::Device& device,
               std::shared_ptr<DeviceViews> views, std::int64_t first = 0,
               std::vector<ViewShare> shares = {{0}, {1}});
  std::int64_t batch_count() const {
    return views_ ? plan_->batch_count() : loader_->batch_count();
  }
  /// The next batch: its views, each N x 3 x size x size, and the labels, which are on the CPU. A
  /// CUDA device renders the one after it beside the work that it gets from now on.
  Batch next();

 private:
  /// A batch whose views are being rendered on the device: they are not in it yet.
  struct Ahead {
    Batch batch;
    std::shared_ptr<RenderedViews> views;
  };
  /// Starts to render batch `index`.
  Ahead start(std::int64_t index) const;
  /// Batch `index` without its views: the training's step and the samples' labels.
  Batch empty_batch(std::int64_t index, const std::vector<std::int64_t>& samples) const;
  const ImageSet& set_;
  const Options& options_;
  const torch::Device device_;
  const std::int64_t epoch_;
  std::int64_t next_;  ///< index of the next batch in the epoch
  std::shared_ptr<DeviceViews> views_;
  std::optional<EpochPlan> plan_;        ///< if the device renders
  std::optional<Ahead> ahead_;           ///< the next batch, if it has been started
  std::optional<TwoViewLoader> loader_;  ///< if the host renders
};

}  // namespace lcr
