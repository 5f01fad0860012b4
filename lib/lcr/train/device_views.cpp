#ifdef LCR_WITH_CUDA_KERNELS
#include "lcr/train/device_views.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <ATen/cuda/CUDAContext.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/StreamGuard.h>
#include <cuda_runtime_api.h>

#include "lcr/image/view_task.h"
#include "lcr/train/view_kernels.h"

namespace lcr {
namespace {

/// Throws if there is an error: a fault of the device, not of the user's input.
void check(const char* error, const char* what) {
  if (error) throw std::runtime_error(std::string("CUDA: ") + what + ": " + error);
}

torch::Tensor pinned_bytes(std::int64_t count) {
  return torch::empty({count}, torch::TensorOptions().dtype(torch::kUInt8).pinned_memory(true));
}

}  // namespace

RenderedViews::RenderedViews(std::vector<torch::Tensor> views, const c10::Stream& stream)
    : views_(std::move(views)), written_(c10::DeviceType::CUDA) {
  written_.record(stream);
}

const std::vector<torch::Tensor>& RenderedViews::get() {
  const c10::Stream stream = at::cuda::getCurrentCUDAStream(views_.front().get_device());
  written_.block(stream);
  // Their memory belongs to the stream that rendered them, and must not be used again there before
  // this one has read it.
  views_.front().record_stream(stream);
  return views_;
}

DeviceViews::DeviceViews(const ImageSet& set, const torch::Device& device, double resident_share)
    : set_(set), device_(device), stream_(at::cuda::getStreamFromPool(false, device.index())) {
  const c10::DeviceGuard guard(device);
  std::size_t free_bytes = 0, total_bytes = 0;
  if (const auto code = cudaMemGetInfo(&free_bytes, &total_bytes); code != cudaSuccess)
    check(cudaGetErrorString(code), "the device does not answer");
  std::int64_t bytes = 0;
  for (std::int64_t i = 0; i < set.count(); ++i) {
    offset_.push_back(bytes);
    bytes += static_cast<std::int64_t>(set.image(i).pixels.size());
  }
  if (static_cast<double>(bytes) > resident_share * static_cast<double>(free_bytes)) return;
  pixels_ = torch::empty({bytes}, torch::TensorOptions().dtype(torch::kUInt8).device(device));
  for (std::int64_t i = 0; i < set.count(); ++i) {
    const auto image = set.image(i).pixels;
    const auto size = static_cast<std::int64_t>(image.size());
    pixels_.narrow(0, offset_[static_cast<std::size_t>(i)], size)
        .copy_(torch::from_blob(const_cast<std::uint8_t*>(image.data()), {size}, torch::kUInt8));
  }
}

torch::Tensor DeviceViews::batch_pixels(const BatchPlan& plan,
                                        std::map<std::int64_t, std::int64_t>& place) const {
  std::int64_t bytes = 0;
  // Views of one image share its bytes.
  for (const auto& view : plan.views)
    for (const auto sample : view.samples)
      if (resident())
        place.emplace(sample, offset_[static_cast<std::size_t>(sample)]);
      else if (place.emplace(sample, bytes).second)
        bytes += static_cast<std::int64_t>(set_.image(sample).pixels.size());
  if (resident()) return pixels_;
  // LibTorch does not reuse pinned memory before the copies from it are complete.
  const torch::Tensor staging = pinned_bytes(bytes);
  for (const auto& [sample, start] : place) {
    const auto image = set_.image(sample).pixels;
    std::memcpy(staging.data_ptr<std::uint8_t>() + start, image.data(), image.size());
  }
  return staging.to(device_, /*non_blocking=*/true);
}

RenderedViews DeviceViews::render(const BatchPlan& plan, std::int64_t size) const {
  const c10::StreamGuard guard(stream_);
  if (resident()) pixels_.record_stream(stream_);
  std::map<std::int64_t, std::int64_t> place;  // first byte of each sample's image in `pixels`
  const torch::Tensor pixels = batch_pixels(plan, place);
  const auto n = static_cast<std::int64_t>(plan.samples.size());
  const auto views = static_cast<std::int64_t>(plan.views.size()) * n;

  const torch::Tensor task_bytes =
      pinned_bytes(views * static_cast<std::int64_t>(sizeof(ViewTask)));
  auto* tasks = reinterpret_cast<ViewTask*>(task_bytes.data_ptr<std::uint8_t>());
  std::int64_t rows = 1, room = 1;
  bool any_blur = false, any_solarise = false;
  for (std::int64_t v = 0; v < views; ++v) {
    const ViewPlan& view = plan.views[static_cast<std::size_t>(v / n)];
    const auto i = static_cast<std::size_t>(v % n);
    tasks[v] = make_view_task(view.parameters[i], place.at(view.samples[i]),
                              set_.image(view.samples[i]).width);
    rows = std::max<std::int64_t>(rows, tasks[v].crop_height);
    for (const auto side : {tasks[v].crop_width, tasks[v].crop_height})
      room = std::max(room, resize_taps(resize_axis(side, size, tasks[v].bicubic != 0)));
    any_blur = any_blur || tasks[v].blurs || tasks[v].blurs_by_kernel;
    any_solarise = any_solarise || tasks[v].solarise;
  }
  const torch::Tensor device_tasks = task_bytes.to(device_, /*non_blocking=*/true);
  const auto make = [&](torch::ScalarType type, std::int64_t count) {
    return torch::empty({count}, torch::TensorOptions().dtype(type).device(device_));
  };
  const torch::Tensor first = make(torch::kLong, views * 2 * size);
  const torch::Tensor count = make(torch::kInt, views * 2 * size);
  const torch::Tensor weights = make(torch::kInt, views * 2 * size * room);
  const torch::Tensor middle = make(torch::kUInt8, views * rows * size * 3);
  const torch::Tensor out = make(torch::kUInt8, views * size * size * 3);
  const torch::Tensor scratch = torch::empty_like(out);
  const ViewBuffers buffers{
      .views = views,
      .size = size,
      .rows = rows,
      .room = room,
      .pixels = pixels.data_ptr<std::uint8_t>(),
      .tasks = reinterpret_cast<const ViewTask*>(device_tasks.data_ptr<std::uint8_t>()),
      .first = first.data_ptr<std::int64_t>(),
      .count = count.data_ptr<std::int32_t>(),
      .weights = weights.data_ptr<std::int32_t>(),
      .middle = middle.data_ptr<std::uint8_t>(),
      .out = out.data_ptr<std::uint8_t>(),
      .scratch = scratch.data_ptr<std::uint8_t>()};
  // The memory of tensors that end here is reused only by later work on the same stream, which
  // comes after the kernels.
  check(cuda::render(buffers, any_blur, any_solarise,
                     at::cuda::getCurrentCUDAStream(device_.index()).stream()),
        "views cannot be rendered");
  const torch::Tensor images = out.view({views, size, size, 3});
  std::vector<torch::Tensor> parts;
  for (std::int64_t start = 0; start < views; start += n)
    parts.push_back(images.narrow(0, start, n));
  return {std::move(parts), stream_};
}

}  // namespace lcr
#endif
