// The detours of the backbone's convolutions against LibTorch's own, and its gradients.
#include "lcr/model/convolution.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "lcr/model/initialise.h"
#include "lcr/model/precision.h"
#include "tests/support/using_kernels.h"

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
                        ConvolutionCase{3, 65, 6, 14, 3, 2},   // products only with AVX2
                        ConvolutionCase{2, 66, 5, 30, 3, 1}, ConvolutionCase{1, 128, 4, 40, 3, 1},
                        ConvolutionCase{1, 130, 3, 1, 3, 1}, ConvolutionCase{2, 3, 8, 13, 7, 2},
                        ConvolutionCase{16, 256, 5, 7, 3, 1},  // without the padding
                        ConvolutionCase{15, 256, 4, 4, 3, 1},  // too few images
                        ConvolutionCase{17, 257, 6, 13, 3, 2}, ConvolutionCase{16, 256, 4, 8, 3, 2},
                        ConvolutionCase{16, 260, 7, 1, 3, 1}, ConvolutionCase{16, 256, 8, 2, 3, 2},
                        ConvolutionCase{18, 5, 256, 7, 3, 1},  // the weights' gradient alone
                        ConvolutionCase{16, 128, 257, 13, 3, 2}})
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

/// Output and gradients of a convolution under bfloat16's autocast, of weights that bfloat16 holds
/// exactly; as: kDouble for LibTorch's own convolution of the same numbers.
std::vector<torch::Tensor> run_bfloat16(const ConvolutionCase& s, torch::ScalarType as) {
  auto conv = make_convolution(s.in, s.out, s.kernel, s.stride);
  initialise(*conv, InitScheme::kResNet, 0, "conv");
  conv->to(torch::kBFloat16);
  conv->to(as == torch::kDouble ? torch::kDouble : torch::kFloat);
  conv->weight.set_data(conv->weight.contiguous(torch::MemoryFormat::ChannelsLast));
  const auto rounded = [&](std::vector<std::int64_t> sizes, const char* name) {
    return random_normal(sizes, 0, name).to(torch::kBFloat16).to(as);
  };
  const auto x = rounded({s.images, s.in, s.size, s.size}, "x").requires_grad_();
  torch::Tensor y;
  {
    const AutocastGuard autocast(as != torch::kDouble, c10::DeviceType::CPU);
    y = convolve(conv, x);
  }
  y.backward(rounded(y.sizes().vec(), "g"));
  return {y.detach(), x.grad(), conv->weight.grad()};
}

TEST(Convolution, OfBfloat16IsLibTorchsInFloat64WithEveryForm) {
  for (const auto& s : {ConvolutionCase{3, 64, 32, 9, 1, 1}, ConvolutionCase{3, 32, 96, 9, 1, 2},
                        ConvolutionCase{2, 1024, 64, 5, 1, 1},  // packed in several parts
                        ConvolutionCase{3, 48, 32, 9, 1, 1},    // channels that do not fill a tile
                        ConvolutionCase{3, 32, 40, 6, 3, 1}, ConvolutionCase{3, 64, 32, 7, 3, 1},
                        ConvolutionCase{5, 32, 64, 13, 3, 2},  // several passes over the positions
                        ConvolutionCase{1, 32, 32, 1, 3, 1}, ConvolutionCase{2, 32, 32, 16, 3, 1},
                        ConvolutionCase{2, 3, 32, 16, 7, 2}}) {
    SCOPED_TRACE(c10::str(s.in, " to ", s.out, ", size ", s.size, ", kernel ", s.kernel,
                          ", stride ", s.stride));
    const auto expected = run_bfloat16(s, torch::kDouble);
    for (const auto* form : kernels::supported_kernels()) {
      SCOPED_TRACE(form->name);
      const testing::UsingKernels use(*form);
      const auto actual = run_bfloat16(s, torch::kBFloat16);
      ASSERT_EQ(actual[2].scalar_type(), torch::kFloat);
      for (std::size_t i = 0; i < 3; ++i) {
        const double error =
            ((actual[i].to(torch::kDouble) - expected[i]).norm() / expected[i].norm())
                .item<double>();
        // Where LibTorch convolves, its own rounding counts: on processors without AVX-512 it sums
        // the weights' gradient in bfloat16.
        EXPECT_LT(error, form->multiply ? 4e-3 : 5e-2) << i;
      }
      for (const int threads : {2, 3, 4}) {
        const testing::UsingKernels more(*form, threads);
        const auto again = run_bfloat16(s, torch::kBFloat16);
        if (form->multiply && s.in % 32 == 0 && s.out % 32 == 0 && s.kernel == 1)
          for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(again[i].equal(actual[i])) << i;
      }
    }
  }
}

/// The tiles sum in float32 and round once, so their results are closer than bfloat16's resolution.
TEST(Convolution, TilesKeepTheWeightsGradientInFloat32) {
  for (const auto* form : kernels::supported_kernels()) {
    if (!form->weight_gradient) continue;
    const testing::UsingKernels use(*form);
    for (const auto& s : {ConvolutionCase{3, 64, 32, 9, 1, 1}, ConvolutionCase{3, 64, 32, 7, 3, 1},
                          ConvolutionCase{5, 32, 64, 13, 3, 2}}) {
      const auto expected = run_bfloat16(s, torch::kDouble)[2];
      const auto actual = run_bfloat16(s, torch::kBFloat16)[2].to(torch::kDouble);
      EXPECT_LT(((actual - expected).norm() / expected.norm()).item<double>(), 1e-6);
    }
  }
}

TEST(Convolution, LeavesWhatNeedsNoGradientAlone) {
  for (const std::int64_t channels : {4, 128, 256}) {
    auto conv = make_convolution(channels, 4, 3);
    const auto x = random_normal({16, channels, 3, 3}, 0, "x");
    convolve(conv, x).sum().backward();  // the input is an image
    const auto trained = x.clone().requires_grad_();
    convolve(conv, trained).sum().backward();
    EXPECT_TRUE(conv->weight.grad().defined());
    const auto before = conv->weight.grad().clone();
    conv->weight.requires_grad_(false);
    const auto input = x.clone().requires_grad_();
    convolve(conv, input).sum().backward();  // the weights are frozen
    EXPECT_TRUE(input.grad().equal(trained.grad()));
    EXPECT_TRUE(conv->weight.grad().equal(before));
    EXPECT_FALSE(convolve(conv, x).requires_grad());
  }
}

}  // namespace
}  // namespace lcr
