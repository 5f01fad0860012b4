#include "lcr/train/two_view_input.h"

#include "lcr/model/input.h"

#ifdef LCR_WITH_CUDA_KERNELS
#include <ATen/cuda/CUDAContext.h>

#include "lcr/train/device_views.h"
#endif

namespace lcr {

std::shared_ptr<DeviceViews> make_device_views([[maybe_unused]] const ImageSet& set, [[maybe_unused]] const torch::Device& device) {
#ifdef LCR_WITH_CUDA_KERNELS
  if (device.is_cuda()) return std::make_shared<DeviceViews>(set, device.index(), at::cuda::getCurrentCUDAStream(device.index()).stream());
#endif
  return nullptr;
}

TwoViewInput::TwoViewInput(const ImageSet& set, const Options& options, std::uint64_t seed, std::int64_t epoch, int workers, int rank, int ranks, const torch::Device& device,
                           std::shared_ptr<DeviceViews> views)
    : options_(options), device_(device), plan_(set, options, seed, epoch, rank, ranks), views_(std::move(views)) {
  if (!views_) loader_.emplace(set, options, seed, epoch, workers, rank, ranks);
}

std::pair<torch::Tensor, torch::Tensor> TwoViewInput::next() {
  const std::int64_t size = options_.image_size;
#ifdef LCR_WITH_CUDA_KERNELS
  if (views_) {
    const BatchPlan plan = plan_.batch(next_++);
    const auto n = static_cast<std::int64_t>(plan.samples.size());
    void* const stream = at::cuda::getCurrentCUDAStream(device_.index()).stream();
    const auto render = [&](const std::vector<ViewParameters>& views, int slot) {
      const std::uint8_t* bytes = views_->render(plan.samples, views, size, slot, stream);
      return to_input(torch::from_blob(const_cast<std::uint8_t*>(bytes), {n, size, size, 3}, torch::TensorOptions().dtype(torch::kUInt8).device(device_)));
    };
    torch::Tensor query = render(plan.query, 0), key = render(plan.key, 1);
    return {std::move(query), std::move(key)};
  }
#endif
  ++next_;
  const TwoViewBatch batch = loader_->next();
  const auto n = static_cast<std::int64_t>(batch.samples.size());
  return {to_input(batch.query, n, size, device_), to_input(batch.key, n, size, device_)};
}

}  // namespace lcr
