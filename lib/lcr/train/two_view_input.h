// The network's input, batch by batch: views rendered by the host's threads, or on the CUDA device
// itself.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <torch/types.h>

#include "lcr/data/loader.h"

namespace lcr {

class DeviceViews;

/// The images of a set where a CUDA device renders its views; null for the CPU, and in builds
/// without CUDA kernels.
std::shared_ptr<DeviceViews> make_device_views(const ImageSet& set, const torch::Device& device);

/// The batches of one epoch from batch `first` on (of one rank: its share of them) as normalised
/// tensors on the device. The same bytes before normalisation, whoever renders them.
class TwoViewInput {
 public:
  /// `set` and `options` must outlive it. views: of make_device_views(); null: `workers` threads of
  /// the host render.
  TwoViewInput(const ImageSet& set, const Options& options, std::uint64_t seed, std::int64_t epoch,
               int workers, int rank, int ranks, const torch::Device& device,
               std::shared_ptr<DeviceViews> views, std::int64_t first = 0);
  std::int64_t batch_count() const {
    return views_ ? plan_->batch_count() : loader_->batch_count();
  }
  /// Query and key views of the next batch, each N x 3 x size x size.
  std::pair<torch::Tensor, torch::Tensor> next();
  /// The labels of the batch that next() gave last: N, int64, on the CPU.
  torch::Tensor labels() const;

 private:
  const ImageSet& set_;
  const Options& options_;
  const torch::Device device_;
  std::vector<std::int64_t> samples_;  ///< of the last batch
  std::shared_ptr<DeviceViews> views_;
  std::optional<EpochPlan> plan_;        ///< where the device renders
  std::int64_t next_;                    ///< batch of the plan
  std::optional<TwoViewLoader> loader_;  ///< where the host does
};

}  // namespace lcr
