// The detours of the backbone's convolutions against LibTorch's own, and its gradients.
#include "lcr/model/convolution.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "lcr/model/initialise.h"

namespace lcr {
namespace {

struct ConvolutionCase {
  std::int64_t images, in, out, size, kernel, stride;
};

TEST(Convolution, IsLibTorchsInFloat64) {
  for (const auto& s : {ConvolutionCase{3, 5, 7, 9, 1, 1},
                        ConvolutionCase{3, 5, 7, 9, 1, 2},  // the product, after a copy
                        ConvolutionCase{2, 8, 4, 17, 1, 1},
                        ConvolutionCase{2, 3, 16, 15, 3, 2},  // LibTorch's gradient
                        ConvolutionCase{5, 128, 6, 8, 3, 1},
                        ConvolutionCase{40, 129, 5, 7, 3, 2},  // patches, of several blocks
                        ConvolutionCase{1, 130, 3, 1, 3, 1}, ConvolutionCase{2, 3, 8, 13, 7, 2}})
    for (const int threads : {1, 3}) {
      at::set_num_threads(threads);
      SCOPED_TRACE(c10::str(s.in, " to ", s.out, ", size ", s.size, ", kernel ", s.kernel,
                            ", stride ", s.stride));
      auto conv = make_convolution(s.in, s.out, s.kernel, s.stride);
      initialise(*conv, InitScheme::kResNet, 0, "conv");
      const auto x = random_normal({s.images, s.in, s.size, s.size}, 0, "x");
      const auto run = [&](torch::ScalarType type, bool channels_last) {
        auto own = make_convolution(s.in, s.out, s.kernel, s.stride);
        own->to(type);
        {
          const torch::NoGradGuard no_grad;
          own->weight.copy_(conv->weight);
          if (channels_last)
            own->weight.set_data(own->weight.contiguous(torch::MemoryFormat::ChannelsLast));
        }
        const auto input = x.to(type).clone().requires_grad_();
        const auto y = convolve(own, input);
        (y * random_normal(y.sizes().vec(), 0, "g").to(type)).sum().backward();
        return std::vector<torch::Tensor>{y.detach(), input.grad(), own->weight.grad()};
      };
      const auto expected = run(torch::kDouble, false);
      for (const bool channels_last : {false, true}) {
        const auto actual = run(torch::kFloat, channels_last);
        for (std::size_t i = 0; i < 3; ++i) {
          ASSERT_EQ(actual[i].sizes(), expected[i].sizes());
          const double error =
              ((actual[i].to(torch::kDouble) - expected[i]).norm() / expected[i].norm())
                  .item<double>();
          EXPECT_LT(error, 2e-6) << i;
        }
      }
    }
  at::set_num_threads(1);
}

TEST(Convolution, LeavesWhatNeedsNoGradientAlone) {
  auto conv = make_convolution(4, 4, 1);
  const auto x = random_normal({2, 4, 3, 3}, 0, "x");
  convolve(conv, x).sum().backward();  // the input is an image
  EXPECT_TRUE(conv->weight.grad().defined());
  conv->weight.requires_grad_(false);
  const auto input = x.clone().requires_grad_();
  convolve(conv, input).sum().backward();  // the weights are frozen
  EXPECT_TRUE(input.grad().defined());
}

}  // namespace
}  // namespace lcr
