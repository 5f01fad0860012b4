// One step in float32 against float64 where no ReLU decides anything. In an ordinary network a
// value near 0 may fall on the other side of a ReLU in float32, which changes the gradients by far
// more than rounding does and hides what a wrong operation would do.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/image/view_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/initialise.h"
#include "lcr/train/step.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

struct Setting {
  const char *arch, *stem, *size;
};

/// What one step of MoCo v2 changes, all trained parameters in one row, in float64.
torch::Tensor weights_change(const Setting& setting, torch::ScalarType type) {
  const Options options = testing::tiny_options({{"method", "moco_v2"},
                                                 {"arch", setting.arch},
                                                 {"stem", setting.stem},
                                                 {"image-size", setting.size}});
  const auto method = make_method(options, 1);
  const auto row = [&] {
    std::vector<torch::Tensor> parts;
    for (const auto& parameter : method->trained_parameters())
      parts.push_back(parameter.detach().to(torch::kCPU, torch::kDouble).flatten());
    return torch::cat(parts);
  };
  for (auto& item : method->named_parameters()) {
    const torch::NoGradGuard no_grad;
    // Batch norm's, since convolutions have none: so large that no value before a ReLU is negative.
    if (item.key().find("backbone") != std::string::npos && item.key().ends_with("bias"))
      item.value().fill_(8);
  }
  method->to(type);
  prepare_for_training(*method, testing::test_device());
  const auto optimizer = make_optimizer(*method, options);
  Batch batch{{}, {}, 0};
  const std::int64_t size = options.get<InputOptions>().image_size;
  for (const char* view : {"q", "k"})
    batch.views.push_back(
        random_normal({6, 3, size, size}, 1, view).to(testing::test_device(), type));
  const torch::Tensor before = row();
  take_step(*method, *optimizer, batch, 0.1);
  return row() - before;
}

// Measured on the CPU: 1e-6, 5e-6, 1.4e-5. With biases of 0, ResNet-50 gives 4e-2.
TEST(Float32Step, IsTheStepOfFloat64WhereReluDecidesNothing) {
  for (const Setting& setting :
       {Setting{"narrow", "imagenet", "24"}, Setting{"resnet18", "cifar", "16"},
        Setting{"resnet50", "imagenet", "32"}}) {
    const auto exact = weights_change(setting, torch::kDouble);
    const auto actual = weights_change(setting, torch::kFloat);
    EXPECT_LT(((actual - exact).norm() / exact.norm()).item<double>(), 1e-4) << setting.arch;
  }
}

}  // namespace
}  // namespace lcr
