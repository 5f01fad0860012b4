// The CUDA kernels against render_view(), byte for byte: all images on the device, and streamed,
// rendered beside other work of the device.
#include <c10/core/DeviceGuard.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>
#include <torch/torch.h>

#include "lcr/base/rng.h"
#include "lcr/train/two_view_input.h"
#include "tests/support/networks.h"
#ifdef LCR_WITH_CUDA_KERNELS
#include "lcr/image/view_options.h"
#include "lcr/method/host_options.h"
#include "lcr/train/device_views.h"
#endif

namespace lcr {
namespace {

TEST(DeviceViews, AreTheHostsViews) {
  if (const auto why = testing::lacks_gpu(); !why.empty()) GTEST_SKIP() << why;
#ifndef LCR_WITH_CUDA_KERNELS
  FAIL() << "a CUDA device, but no CUDA kernels in this build: make setup-gpu brings the compiler";
#else
  ImageSet set;
  set.class_count = 2;
  CounterRng rng(RngKey(0, "images"));
  for (int i = 0; i < 24; ++i) {
    const std::int64_t height = 20 + rng.below(60);
    const std::int64_t width = 20 + rng.below(60);
    set.places.push_back({height, width, static_cast<std::int64_t>(set.pixels.size())});
    set.labels.push_back(i % 2);
    for (std::int64_t p = 0; p < height * width * 3; ++p)
      set.pixels.push_back(static_cast<std::uint8_t>(rng.below(256)));
  }
  // The last device: not the current one if there are several.
  const auto index = static_cast<c10::DeviceIndex>(torch::cuda::device_count() - 1);
  const torch::Device cuda(torch::kCUDA, index);
  EXPECT_TRUE(DeviceViews(set, cuda, 0.5).resident());
  EXPECT_FALSE(DeviceViews(set, cuda, 0).resident());
  for (const auto& [share, augmentation] : {std::pair(0.5, "moco_v2"), std::pair(0.0, "moco_v2"),
                                            std::pair(0.5, "byol"), std::pair(0.0, "byol")}) {
    Options options;
    options.get<BatchOptions>().batch_size = 8;
    options.get<InputOptions>().image_size = 40;
    options.get<ViewOptions>().augmentation = augmentation;
    TwoViewInput host(set, options, 3, 1, 2, 0, 1, torch::kCPU, nullptr);
    TwoViewInput device(set, options, 3, 1, 2, 0, 1, cuda,
                        std::make_shared<DeviceViews>(set, cuda, share));
    // Work that views must not wait for, and that reads them late: memory taken back too early
    // would hold the next batch by then.
    const c10::DeviceGuard guard(cuda);
    auto busy = torch::ones({2048, 2048}, torch::TensorOptions().device(cuda));
    std::vector<Batch> rendered;
    for (std::int64_t b = 0; b < device.batch_count(); ++b) {
      for (int i = 0; i < 20; ++i) busy = busy.mm(busy).clamp(0, 1);
      rendered.push_back(device.next());
    }
    for (const Batch& other : rendered) {
      const Batch a = host.next();
      for (std::size_t view = 0; view < 2; ++view)
        EXPECT_TRUE(torch::allclose(a.views[view], other.views[view].cpu(), 0, 1e-6))
            << augmentation << " " << a.step;
      EXPECT_TRUE(a.labels.equal(other.labels));
      EXPECT_EQ(a.step, other.step);
    }
  }
#endif
}

}  // namespace
}  // namespace lcr
