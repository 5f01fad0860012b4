#ifdef LCR_WITH_CUDA_KERNELS
#include "lcr/train/device_views.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "lcr/base/error.h"
#include "lcr/data/view_task.h"
#include "lcr/train/view_kernels.h"

namespace lcr {
namespace {

void check(const char* error, const char* what) {
  if (error) fail("CUDA: {}: {}; a smaller batch-size, image-size or store-side needs less memory", what, error);
}

/// Memory on the device, or pinned on the host, that grows as needed.
class Buffer {
 public:
  explicit Buffer(int device, bool pinned = false) : device_(device), pinned_(pinned) {}
  ~Buffer() { free(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  template <typename T>
  T* get(std::int64_t count) {
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
    if (bytes > size_) {
      free();
      check(pinned_ ? cuda::allocate_pinned(bytes, &memory_) : cuda::allocate(device_, bytes, &memory_), "no memory for views");
      size_ = bytes;
    }
    return static_cast<T*>(memory_);
  }

 private:
  void free() {
    if (memory_) pinned_ ? cuda::release_pinned(memory_) : cuda::release(memory_);
    memory_ = nullptr;
    size_ = 0;
  }
  int device_;
  bool pinned_;
  void* memory_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace

struct DeviceViews::State {
  State(const ImageSet& images, int device)
      : set(images), pixels(device), tasks{Buffer(device), Buffer(device)}, first(device), count(device), weights(device), middle(device), scratch(device), out{Buffer(device), Buffer(device)}, batch_pixels{Buffer(device), Buffer(device)} {}
  ~State() {
    for (void* event : copied)
      if (event) cuda::destroy_event(event);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const ImageSet& set;
  bool resident = false;
  std::vector<std::int64_t> offset;  ///< on the device, where all images lie there
  Buffer pixels, tasks[2], first, count, weights, middle, scratch, out[2], batch_pixels[2];
  Buffer staging[2] = {Buffer(0, true), Buffer(0, true)}, task_staging[2] = {Buffer(0, true), Buffer(0, true)};
  void* copied[2] = {nullptr, nullptr};  ///< events: the slot's pinned buffers have been read
};

DeviceViews::DeviceViews(const ImageSet& set, int device, void* stream) : state_(std::make_unique<State>(set, device)) {
  std::size_t free_bytes = 0;
  check(cuda::free_memory(device, &free_bytes), "the device does not answer");
  std::int64_t bytes = 0;
  for (std::int64_t i = 0; i < set.count(); ++i) {
    state_->offset.push_back(bytes);
    bytes += static_cast<std::int64_t>(set.image(i).pixels.size());
  }
  state_->resident = static_cast<std::size_t>(bytes) <= free_bytes / 2;
  if (!state_->resident) return;
  auto* target = state_->pixels.get<std::uint8_t>(bytes);
  for (std::int64_t i = 0; i < set.count(); ++i) {
    const auto image = set.image(i).pixels;
    check(cuda::copy_to_device(target + state_->offset[static_cast<std::size_t>(i)], image.data(), image.size(), stream), "images cannot be copied to the device");
  }
  check(cuda::wait(stream), "images cannot be copied to the device");
}

DeviceViews::~DeviceViews() = default;

bool DeviceViews::resident() const { return state_->resident; }

const std::uint8_t* DeviceViews::render(std::span<const std::int64_t> samples, std::span<const ViewParameters> views, std::int64_t size, int slot, void* stream) {
  State& s = *state_;
  const auto n = static_cast<std::int64_t>(samples.size());
  if (s.copied[slot]) check(cuda::wait_for_event(s.copied[slot]), "the last batch failed");
  ViewTask* tasks = s.task_staging[slot].get<ViewTask>(n);
  std::int64_t batch_bytes = 0, rows = 1, room = 1;
  bool any_blur = false, any_solarise = false;
  for (std::int64_t i = 0; i < n; ++i) {
    const ImageView image = s.set.image(samples[static_cast<std::size_t>(i)]);
    tasks[i] = make_view_task(views[static_cast<std::size_t>(i)], s.resident ? s.offset[static_cast<std::size_t>(samples[static_cast<std::size_t>(i)])] : batch_bytes, image.width);
    batch_bytes += static_cast<std::int64_t>(image.pixels.size());
    rows = std::max<std::int64_t>(rows, tasks[i].crop_height);
    for (const auto side : {tasks[i].crop_width, tasks[i].crop_height}) room = std::max(room, resize_taps(resize_axis(side, size, tasks[i].bicubic != 0)));
    any_blur = any_blur || tasks[i].blurs;
    any_solarise = any_solarise || tasks[i].solarise;
  }
  const std::uint8_t* pixels = s.resident ? s.pixels.get<std::uint8_t>(0) : nullptr;
  if (!s.resident) {
    auto* staging = s.staging[slot].get<std::uint8_t>(batch_bytes);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto image = s.set.image(samples[static_cast<std::size_t>(i)]).pixels;
      std::memcpy(staging + tasks[i].image, image.data(), image.size());
    }
    auto* target = s.batch_pixels[slot].get<std::uint8_t>(batch_bytes);
    check(cuda::copy_to_device(target, staging, static_cast<std::size_t>(batch_bytes), stream), "images cannot be copied to the device");
    pixels = target;
  }
  auto* device_tasks = s.tasks[slot].get<ViewTask>(n);
  check(cuda::copy_to_device(device_tasks, tasks, static_cast<std::size_t>(n) * sizeof(ViewTask), stream), "views cannot be copied to the device");
  check(cuda::record_event(&s.copied[slot], stream), "an event cannot be recorded");
  const std::int64_t area = n * size * size * 3;
  const ViewBuffers buffers{.views = n,
                            .size = size,
                            .rows = rows,
                            .room = room,
                            .pixels = pixels,
                            .tasks = device_tasks,
                            .first = s.first.get<std::int64_t>(n * 2 * size),
                            .count = s.count.get<std::int32_t>(n * 2 * size),
                            .weights = s.weights.get<std::int32_t>(n * 2 * size * room),
                            .middle = s.middle.get<std::uint8_t>(n * rows * size * 3),
                            .out = s.out[slot].get<std::uint8_t>(area),
                            .scratch = s.scratch.get<std::uint8_t>(area)};
  check(cuda::render(buffers, any_blur, any_solarise, stream), "views cannot be rendered");
  return buffers.out;
}

}  // namespace lcr
#endif
