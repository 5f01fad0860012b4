#include "lcr/train/two_view_input.h"

#include "lcr/image/view_options.h"
#include "lcr/model/input.h"
#include "lcr/train/device_view_options.h"

#ifdef LCR_WITH_CUDA_KERNELS
#include "lcr/train/device_views.h"
#endif

namespace lcr {

std::shared_ptr<DeviceViews> make_device_views([[maybe_unused]] const ImageSet& set,
                                               [[maybe_unused]] const torch::Device& device,
                                               [[maybe_unused]] const Options& options) {
#ifdef LCR_WITH_CUDA_KERNELS
  if (device.is_cuda())
    return std::make_shared<DeviceViews>(set, device,
                                         options.get<DeviceViewOptions>().resident_share);
#endif
  return nullptr;
}

TwoViewInput::TwoViewInput(const ImageSet& set, const Options& options, std::uint64_t seed,
                           std::int64_t epoch, int workers, int rank, int ranks,
                           const torch::Device& device, std::shared_ptr<DeviceViews> views,
                           std::int64_t first, std::vector<ViewShare> shares)
    : set_(set),
      options_(options),
      device_(device),
      epoch_(epoch),
      next_(first),
      views_(std::move(views)) {
  if (views_)
    plan_.emplace(set, options, seed, epoch, rank, ranks, std::move(shares));
  else
    loader_.emplace(set, options, seed, epoch, workers, rank, ranks, first, std::move(shares));
}

Batch TwoViewInput::next() {
  const std::int64_t index = next_++;
#ifdef LCR_WITH_CUDA_KERNELS
  if (views_) {
    Ahead ready = ahead_ ? *std::move(ahead_) : start(index);
    for (const auto& bytes : ready.views->get()) ready.batch.views.push_back(to_input(bytes));
    ahead_.reset();
    if (next_ < batch_count()) ahead_ = start(next_);
    return ready.batch;
  }
#endif
  const TwoViewBatch rendered = loader_->next();
  const auto n = static_cast<std::int64_t>(rendered.samples.size());
  const std::int64_t size = options_.get<InputOptions>().image_size;
  Batch batch = empty_batch(index, rendered.samples);
  for (const auto& bytes : rendered.views) batch.views.push_back(to_input(bytes, n, size, device_));
  return batch;
}

#ifdef LCR_WITH_CUDA_KERNELS
TwoViewInput::Ahead TwoViewInput::start(std::int64_t index) const {
  const BatchPlan plan = plan_->batch(index);
  return {empty_batch(index, plan.samples), std::make_shared<RenderedViews>(views_->render(
                                                plan, options_.get<InputOptions>().image_size))};
}
#endif

Batch TwoViewInput::empty_batch(std::int64_t index,
                                const std::vector<std::int64_t>& samples) const {
  std::vector<std::int64_t> labels;
  for (const auto sample : samples) labels.push_back(set_.labels[static_cast<std::size_t>(sample)]);
  return {{}, torch::tensor(labels, torch::kLong), epoch_ * batch_count() + index};
}

}  // namespace lcr
