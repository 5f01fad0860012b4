// Batch norm with what follows it as one operation, against LibTorch's operations in float64, for
// each form that this processor runs, and for the form of devices, on the CPU if there is none; and
// the CPU's forms against each other, bit by bit.
#include "lcr/model/fused_norm.h"

#include <cmath>
#include <limits>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "lcr/model/initialise.h"
#include "lcr/model/kernels/kernels.h"
#include "tests/support/device_form.h"
#include "tests/support/networks.h"
#include "tests/support/using_kernels.h"

namespace lcr {
namespace {

using torch::Tensor;

enum class Form { kRelu, kAdd, kJoin, kPool };

struct Case {
  Form form;
  std::vector<std::int64_t> shape;
  std::int64_t groups = 1;
  torch::ScalarType type = torch::kFloat;
};

/// The results and gradients of one application, by what they are.
using Results = std::vector<std::pair<std::string, Tensor>>;

void set_parameters(SplitBatchNorm& norm, const std::string& name, std::int64_t channels) {
  const torch::NoGradGuard no_grad;
  norm->weight.copy_(1 + 0.3 * random_normal({channels}, 3, name + " weight"));
  norm->bias.copy_(0.3 * random_normal({channels}, 3, name + " bias"));
}

/// `as` float64 goes LibTorch's way. Inputs are the same numbers in each type.
Results run(const Case& c, torch::ScalarType as, bool grad = true,
            const torch::Device& device = torch::kCPU) {
  const std::int64_t channels = c.shape[1];
  SplitBatchNorm norm(channels), norm2(channels);
  for (auto* each : {&norm, &norm2}) {
    set_parameters(*each, each == &norm ? "first" : "second", channels);
    if (as == torch::kDouble) (*each)->to(torch::kDouble);
    (*each)->to(device);
    (*each)->groups = c.groups;
  }
  const auto input = [&](const char* name, double offset) {
    const Tensor values = (1.5 * random_normal(c.shape, 3, name) + offset).to(c.type).to(as);
    return values.to(device).contiguous(torch::MemoryFormat::ChannelsLast).requires_grad_(grad);
  };
  // Means far from 0, as after convolutions of images.
  const Tensor x = input("x", 4), other = input("other", -1);
  const torch::AutoGradMode mode(grad);
  Results results;
  Branches y;
  if (c.form == Form::kRelu) y.main = norm_relu(norm, x.clone());
  if (c.form == Form::kPool) y.main = norm_relu_max_pool(norm, x.clone());
  if (c.form == Form::kAdd) y = norm_add_relu(norm, x.clone(), other.clone());
  if (c.form == Form::kJoin) y = norm_join_relu(norm, x.clone(), norm2, other.clone());
  results.emplace_back("y", y.main.detach().clone());
  if (y.shortcut.defined()) results.emplace_back("second y", y.shortcut.detach().clone());
  for (const auto& buffer : norm->named_buffers())
    results.emplace_back(buffer.key(), buffer.value().clone());
  if (!grad) return results;
  const auto weights = [&](const char* name) {
    return random_normal(y.main.sizes().vec(), 3, name).to(c.type).to(as).to(device);
  };
  Tensor loss = (y.main * weights("g")).sum();
  if (y.shortcut.defined()) loss = loss + (y.shortcut * weights("g2")).sum();
  loss.backward();
  results.emplace_back("dx", x.grad());
  if (c.form == Form::kAdd || c.form == Form::kJoin) results.emplace_back("d other", other.grad());
  results.emplace_back("d weight", norm->weight.grad());
  results.emplace_back("d bias", norm->bias.grad());
  if (c.form == Form::kJoin) {
    results.emplace_back("d weight2", norm2->weight.grad());
    results.emplace_back("d bias2", norm2->bias.grad());
  }
  return results;
}

double error(const Tensor& actual, const Tensor& expected) {
  const Tensor reference = expected.to(torch::kDouble);
  return (actual.cpu().to(torch::kDouble) - reference).norm().item<double>() /
         std::max(1e-30, reference.norm().item<double>());
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Form form : {Form::kRelu, Form::kAdd, Form::kJoin, Form::kPool})
    for (const auto type : {torch::kFloat, torch::kBFloat16})
      for (const auto& shape : std::vector<std::vector<std::int64_t>>{
               {8, 16, 6, 6},     // whole vectors
               {8, 3, 5, 7},      // fewer channels than a vector has lanes, odd sizes
               {16, 37, 9, 4},    // vectors and a rest
               {2, 1, 2, 1},      // one channel
               {8, 1029, 3, 3},   // wider than a tile of sums
               {8, 520, 2, 3},    // several blocks side by side, the last not full
               {8, 64, 31, 33}})  // several parts
        for (const std::int64_t groups : {1, 8})
          if (shape[0] % groups == 0) all.push_back({form, shape, groups, type});
  return all;
}

std::string describe(const Case& c) {
  return "form " + std::to_string(static_cast<int>(c.form)) + ", " +
         c10::str(c10::IntArrayRef(c.shape)) + ", groups " + std::to_string(c.groups) + ", " +
         c10::toString(c.type);
}

void expect_close(const Results& actual, const Results& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const auto& [name, value] = actual[i];
    const bool rounded = value.scalar_type() == torch::kBFloat16;
    EXPECT_LT(error(value, expected[i].second), rounded ? 6e-3 : 3e-6) << name;
  }
}

TEST(FusedNorm, EveryFormIsLibTorchsInFloat64) {
  for (const auto& c : cases()) {
    SCOPED_TRACE(describe(c));
    const Results expected = run(c, torch::kDouble);
    for (const auto* form : kernels::supported_kernels()) {
      SCOPED_TRACE(form->name);
      const testing::UsingKernels use(*form);
      expect_close(run(c, c.type), expected);
    }
  }
}

TEST(FusedNorm, TheFormOfDevicesIsLibTorchsInFloat64) {
  for (const auto& c : cases()) {
    SCOPED_TRACE(describe(c));
    const Results expected = run(c, torch::kDouble), loops = run(c, c.type);
    const testing::DeviceForm form;
    for (const bool grad : {true, false}) {
      const Results actual = run(c, c.type, grad, testing::test_device());
      expect_close(actual, Results(expected.begin(), expected.begin() + std::ssize(actual)));
      // Something else than the loops ran: they add in another order.
      if (c.shape[1] == 64 && c.type == torch::kFloat)
        EXPECT_FALSE(actual[0].second.cpu().equal(loops[0].second));
    }
  }
}

TEST(FusedNorm, TheFormOfDevicesRepeatsItsBits) {
  const Case c{Form::kJoin, {8, 64, 31, 33}, 2, torch::kBFloat16};
  const testing::DeviceForm form;
  const Results first = run(c, c.type, true, testing::test_device()),
                second = run(c, c.type, true, testing::test_device());
  for (std::size_t i = 0; i < first.size(); ++i)
    EXPECT_TRUE(first[i].second.equal(second[i].second)) << first[i].first;
}

TEST(FusedNorm, AllFormsAndNumbersOfThreadsGiveTheSameBits) {
  for (const auto& c : cases()) {
    SCOPED_TRACE(describe(c));
    for (const bool grad : {true, false}) {
      Results expected;
      {
        const testing::UsingKernels use(kernels::kPortable);
        expected = run(c, c.type, grad);
      }
      for (const auto* form : kernels::supported_kernels())
        for (const int threads : grad ? std::vector{1, 2, 3, 4} : std::vector{1}) {
          const testing::UsingKernels use(*form, threads);
          const Results actual = run(c, c.type, grad);
          for (std::size_t i = 0; i < actual.size(); ++i)
            EXPECT_TRUE(actual[i].second.equal(expected[i].second))
                << actual[i].first << ", " << form->name << ", " << threads << " threads";
        }
    }
  }
}

TEST(FusedNorm, WithoutAGraphTheResultsAreTheSame) {
  for (const auto& c : cases()) {
    const Results with = run(c, c.type), without = run(c, c.type, false);
    for (std::size_t i = 0; i < without.size(); ++i)
      EXPECT_TRUE(with[i].second.equal(without[i].second)) << describe(c) << with[i].first;
  }
}

/// On the CPU, whose tensors take the form of devices if the parameter says so.
class FusedNormForms : public ::testing::TestWithParam<bool> {
 private:
  testing::DeviceForm form_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(, FusedNormForms, ::testing::Values(false, true), [](const auto& form) {
  return std::string(form.param ? "OfDevices" : "OfTheCpu");
});

TEST_P(FusedNormForms, EvaluationUsesTheRunningStatistics) {
  for (const auto form : {Form::kRelu, Form::kAdd, Form::kJoin, Form::kPool}) {
    std::vector<Tensor> y;
    for (const bool grad : {true, false}) {  // LibTorch's operations, ours
      const torch::AutoGradMode mode(grad);
      SplitBatchNorm norm(37), norm2(37);
      set_parameters(norm, "first", 37);
      set_parameters(norm2, "second", 37);
      const auto x = random_normal({4, 37, 5, 6}, 3, "x"),
                 other = random_normal({4, 37, 5, 6}, 3, "o");
      const torch::NoGradGuard no_grad;
      norm(x);
      norm2(x);
      norm->eval();
      norm2->eval();
      const torch::AutoGradMode again(grad);
      if (form == Form::kRelu) y.push_back(norm_relu(norm, x.clone()));
      if (form == Form::kPool) y.push_back(norm_relu_max_pool(norm, x.clone()));
      if (form == Form::kAdd) y.push_back(norm_add_relu(norm, x.clone(), other).main);
      if (form == Form::kJoin)
        y.push_back(norm_join_relu(norm, x.clone(), norm2, other.clone()).main);
    }
    EXPECT_LT(error(y[1], y[0].detach()), 1e-6);
  }
}

TEST_P(FusedNormForms, TheFirstGroupAloneCanMoveTheRunningStatistics) {
  for (const auto type : {torch::kFloat, torch::kDouble})  // ours, LibTorch's operations
    for (const std::int64_t groups : {1, 2, 4}) {
      const auto x = (random_normal({8, 5, 3, 3}, 3, "x") + 2).to(type);
      SplitBatchNorm split(5), first(5), mean(5);
      for (auto* each : {&split, &first, &mean}) (*each)->to(type);
      set_batch_norm_groups(*split, groups, /*running_of_first=*/true);
      set_batch_norm_groups(*mean, groups);
      const Tensor y = norm_relu(split, x.clone());
      EXPECT_TRUE(norm_relu(mean, x.clone()).equal(y)) << "normalised by the groups all the same";
      norm_relu(first, x.chunk(groups)[0].clone());
      for (const char* name : {"running_mean", "running_var", "num_batches_tracked"}) {
        const Tensor actual = split->named_buffers()[name];
        EXPECT_LT(error(actual, first->named_buffers()[name]), 1e-6) << name << " " << groups;
        const bool all_equal = actual.equal(mean->named_buffers()[name]);
        EXPECT_EQ(all_equal, groups == 1 || std::string(name) == "num_batches_tracked") << name;
      }
    }
}

TEST_P(FusedNormForms, ASumsTwoGradientsOrEitherAlone) {
  const auto gradient = [](bool main, bool shortcut) {
    SplitBatchNorm norm(8);
    const auto x = random_normal({4, 8, 3, 3}, 3, "x").requires_grad_();
    const auto y = norm_add_relu(norm, x.clone(), random_normal({4, 8, 3, 3}, 3, "r"));
    const auto g = random_normal({4, 8, 3, 3}, 3, "g");
    Tensor loss = torch::zeros({});
    if (main) loss = loss + (y.main * g).sum();
    if (shortcut) loss = loss + (y.shortcut * g).sum();
    loss.backward();
    return x.grad().clone();
  };
  EXPECT_TRUE(gradient(true, false).equal(gradient(false, true)));
  EXPECT_TRUE(torch::allclose(gradient(true, true), 2 * gradient(true, false), 1e-5, 1e-6));
}

TEST_P(FusedNormForms, TheGradientIsTheSlope) {
  // Central differences along random directions; the step is wide because y is float32.
  for (const Form form : {Form::kRelu, Form::kAdd, Form::kJoin, Form::kPool}) {
    SplitBatchNorm norm(5), norm2(5);
    const auto other = random_normal({4, 5, 4, 4}, 3, "o");
    const auto value = [&](const Tensor& x) {
      Tensor y;
      if (form == Form::kRelu) y = norm_relu(norm, x.clone());
      if (form == Form::kPool) y = norm_relu_max_pool(norm, x.clone());
      if (form == Form::kAdd) y = norm_add_relu(norm, x.clone(), other).main;
      if (form == Form::kJoin) y = norm_join_relu(norm, x.clone(), norm2, other.clone()).main;
      return (y * random_normal(y.sizes().vec(), 3, "g")).to(torch::kDouble).sum();
    };
    int wrong = 0;
    for (int i = 0; i < 7; ++i) {
      const auto x = random_normal({4, 5, 4, 4}, 3, "x" + std::to_string(i)).requires_grad_();
      value(x).backward();
      const auto along = random_normal({4, 5, 4, 4}, 3, "d" + std::to_string(i));
      constexpr double kStep = 3e-4;
      const torch::NoGradGuard no_grad;
      const double slope =
          (value(x + kStep * along) - value(x - kStep * along)).item<double>() / (2 * kStep);
      wrong +=
          std::abs(slope - (x.grad() * along).sum().item<double>()) > 1e-2 * (1 + std::abs(slope));
    }
    EXPECT_LE(wrong, 2) << static_cast<int>(form) << ": a ReLU's or maximum's kink may be met";
  }
}

TEST_P(FusedNormForms, NanWinsInThePool) {
  // In evaluation one nan does not fill its channel: it must win in each window that holds it.
  SplitBatchNorm norm(5);
  norm->eval();
  auto x = random_normal({2, 5, 6, 6}, 3, "x");
  x[0][2][1][1] = std::numeric_limits<float>::quiet_NaN();
  const torch::NoGradGuard no_grad;
  const auto expected = torch::isnan(torch::max_pool2d(norm(x).relu_(), 3, 2, 1));
  EXPECT_TRUE(torch::isnan(norm_relu_max_pool(norm, x.clone())).equal(expected));
  EXPECT_EQ(expected.sum().item<std::int64_t>(), 4);
}

TEST_P(FusedNormForms, NanStaysNan) {
  for (const Form form : {Form::kRelu, Form::kAdd, Form::kJoin, Form::kPool}) {
    for (const auto type : {torch::kFloat, torch::kBFloat16}) {
      SplitBatchNorm norm(5), norm2(5);
      auto x = random_normal({4, 5, 4, 4}, 3, "x");
      x[1][2][3][3] = std::numeric_limits<float>::quiet_NaN();
      x = x.to(type);
      const torch::NoGradGuard no_grad;
      Tensor y;
      if (form == Form::kRelu) y = norm_relu(norm, x);
      if (form == Form::kPool) y = norm_relu_max_pool(norm, x);
      if (form == Form::kAdd) y = norm_add_relu(norm, x, x.clone()).main;
      if (form == Form::kJoin) y = norm_join_relu(norm, x, norm2, x.clone()).main;
      EXPECT_TRUE(torch::isnan(y.select(1, 2)).all().item<bool>());
      EXPECT_FALSE(torch::isnan(y.select(1, 1)).any().item<bool>());
    }
  }
}

}  // namespace
}  // namespace lcr
