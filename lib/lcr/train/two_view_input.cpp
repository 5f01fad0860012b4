#include "lcr/train/two_view_input.h"

#include "lcr/model/input.h"

#ifdef LCR_WITH_CUDA_KERNELS
#include "lcr/train/device_views.h"
#endif

namespace lcr {

std::shared_ptr<DeviceViews> make_device_views([[maybe_unused]] const ImageSet& set,
                                               [[maybe_unused]] const torch::Device& device) {
#ifdef LCR_WITH_CUDA_KERNELS
  if (device.is_cuda()) return std::make_shared<DeviceViews>(set, device);
#endif
  return nullptr;
}

TwoViewInput::TwoViewInput(const ImageSet& set, const Options& options, std::uint64_t seed,
                           std::int64_t epoch, int workers, int rank, int ranks,
                           const torch::Device& device, std::shared_ptr<DeviceViews> views,
                           std::int64_t first)
    : set_(set), options_(options), device_(device), views_(std::move(views)), next_(first) {
  if (views_)
    plan_.emplace(set, options, seed, epoch, rank, ranks);
  else
    loader_.emplace(set, options, seed, epoch, workers, rank, ranks, first);
}

std::pair<torch::Tensor, torch::Tensor> TwoViewInput::next() {
  const std::int64_t size = options_.image_size;
#ifdef LCR_WITH_CUDA_KERNELS
  if (views_) {
    const BatchPlan plan = plan_->batch(next_++);
    samples_ = plan.samples;
    const auto [query, key] = views_->render(plan, size);
    return {to_input(query), to_input(key)};
  }
#endif
  const TwoViewBatch batch = loader_->next();
  samples_ = batch.samples;
  const auto n = static_cast<std::int64_t>(batch.samples.size());
  return {to_input(batch.query, n, size, device_), to_input(batch.key, n, size, device_)};
}

torch::Tensor TwoViewInput::labels() const {
  std::vector<std::int64_t> labels;
  for (const auto sample : samples_)
    labels.push_back(set_.labels[static_cast<std::size_t>(sample)]);
  return torch::tensor(labels, torch::kLong);
}

}  // namespace lcr
