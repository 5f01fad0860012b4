// Every switch and named variant against an independent PyTorch twin
// (tests/golden/make_goldens.py), in float64.
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/base/text.h"
#include "lcr/image/view_options.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"
#include "lcr/model/weights.h"
#include "lcr/train/sgd.h"
#include "lcr/weights/safetensors.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

/// The files of goldens, as one.
const WeightFile& golden() {
  static const WeightFile all = [] {
    const std::string name = std::string(LCR_SOURCE_DIR) + "/tests/golden/method_";
    WeightFile file = read_safetensors(name + "1.safetensors");
    for (const char* number : {"2", "3"}) {
      WeightFile more = read_safetensors(name + number + ".safetensors");
      for (auto& [tensor, place] : more.tensors) {
        place.begin += file.bytes.size();
        place.end += file.bytes.size();
      }
      file.bytes.insert(file.bytes.end(), more.bytes.begin(), more.bytes.end());
      file.tensors.merge(more.tensors);
      file.metadata.merge(more.metadata);
    }
    return file;
  }();
  return all;
}

Options case_options(const std::string& name) {
  Options options;
  options.get<NarrowOptions>().width = 2;
  options.get<InputOptions>().image_size = 24;
  options.get<BatchOptions>().batch_size = 4;
  options.get<MomentumContrastOptions>().queue_size = 8;
  options.get<HostOptions>().embedding_dim = 5;
  options.get<LcrOptions>().projections = 3;
  options.get<PrecisionOptions>().precision =
      "float32";  // no autocast; the weights are converted to float64 below
  options.get<MovingAverageOptions>().key_momentum = 0.9;
  options.get<MomentumContrastOptions>().temperature = 0.2;
  options.get<PredictorOptions>().head_hidden = 7;
  for (const auto& part : split(golden().metadata.at(name), ' ')) {
    const auto at = part.find('=');
    set_option(options, part.substr(0, at), part.substr(at + 1), "golden " + name);
  }
  return options;
}

std::shared_ptr<Method> case_method(const Options& options) {
  auto method = make_method(options, 0);
  method->to(testing::test_device(), torch::kDouble);
  method->train();
  const torch::NoGradGuard no_grad;
  std::string slot;
  if (options.get<MethodOptions>().method == "moco_bilinear")
    slot = "bilinear/";
  else if (options.get<LcrOptions>().gfb == "mlp")
    slot = "mlp/";
  for (auto& item : method->named_parameters()) {
    std::string name = item.key();
    if (name.starts_with("key.")) name = "query." + name.substr(4);
    if (name.starts_with("target.")) name = "online." + name.substr(7);
    for (const std::string trunk : {"online.", "encoder."})
      if (name.starts_with(trunk + "backbone.")) name = "query." + name.substr(trunk.size());
    if (name.starts_with("projector.7.")) continue;  // fixed: batch norm that learns nothing
    const std::string own = "init/" + slot + name;
    item.value().copy_(
        read_tensor(golden(), golden().tensors.contains(own) ? own : "init/" + name));
  }
  if (method_of(options).uses<MomentumContrastOptions>())
    method->named_buffers()["queue.keys"].copy_(read_tensor(golden(), "init/queue.keys"));
  return method;
}

void expect_close(const torch::Tensor& actual, const std::string& name, double tolerance = 1e-9) {
  ASSERT_TRUE(golden().tensors.contains(name)) << name;
  const auto expected = read_tensor(golden(), name);
  ASSERT_EQ(actual.sizes(), expected.sizes()) << name;
  const double scale = expected.norm().item<double>();
  const double error = (actual.cpu() - expected).norm().item<double>();
  // A bias before batch norm has a gradient of 0 up to rounding, which differs among BLAS kernels.
  const double rounding = scale < 1e-13 ? 1e-14 : 1e-15;
  EXPECT_LE(error, tolerance * scale + rounding) << name << ": relative " << error / scale;
}

class Goldens : public ::testing::TestWithParam<std::string> {};

TEST_P(Goldens, FiveStepsAgreeInFloat64) {
  const std::string name = GetParam();
  const Options options = case_options(name);
  const auto method = case_method(options);
  const auto optimizer = make_optimizer(*method, options);
  const auto inputs_q = read_tensor(golden(), "input/q").to(testing::test_device(), torch::kDouble);
  const auto inputs_k = read_tensor(golden(), "input/k").to(testing::test_device(), torch::kDouble);
  std::vector<torch::Tensor> losses;
  for (std::int64_t step = 0; step < inputs_q.size(0); ++step) {
    const StepLoss loss = method->step({{inputs_q[step], inputs_k[step]}, {}, step});
    optimizer->zero_grad();
    loss.total.backward();
    const torch::Tensor& own = loss.terms.at(0).value;
    losses.push_back(
        torch::stack({loss.total.detach(), own,
                      loss.terms.size() > 1 ? loss.terms[1].value : torch::zeros_like(own)}));
    if (step == 0) {
      EXPECT_EQ(loss.mask.defined(), method_of(options).uses<LcrOptions>());
      if (loss.mask.defined()) {
        expect_close(loss.mask, name + "/mask");
        expect_close(loss.target, name + "/target");
      }
      int gradients = 0;
      for (const auto& item : method->named_parameters()) {
        if (!item.value().requires_grad()) continue;
        ASSERT_TRUE(item.value().grad().defined()) << item.key();
        expect_close(item.value().grad(), name + "/grad/" + item.key());
        ++gradients;
      }
      EXPECT_GE(gradients, 40);
    }
    optimizer->step(0.05);
    method->finish_step();
  }
  expect_close(torch::stack(losses), name + "/loss");
  int after = 0;
  for (const auto& items : {method->named_parameters(), method->named_buffers()})
    for (const auto& item : items)
      if (golden().tensors.contains(name + "/after/" + item.key())) {
        expect_close(item.value(), name + "/after/" + item.key());
        ++after;
      }
  EXPECT_GE(after, 60);
}

TEST_P(Goldens, FirstStepAgreesInFloat32) {
  // In float32 only the losses of the first step are compared: gradients already depend on the
  // order of sums.
  const std::string name = GetParam();
  const auto method = case_method(case_options(name));
  method->to(torch::kFloat32);
  at::globalContext().setAllowTF32CuBLAS(false);  // TF32 is not float32
  at::globalContext().setAllowTF32CuDNN(false);
  const auto input = [](const char* which) {
    return read_tensor(golden(), which)[0].to(testing::test_device());
  };
  const StepLoss loss = method->step({{input("input/q"), input("input/k")}, {}, 0});
  const auto expected = read_tensor(golden(), name + "/loss")[0];
  // A loss near 0 is a difference of numbers near 1, as SimSiam's cosines.
  const auto expect_near = [&](const torch::Tensor& actual, double value) {
    EXPECT_NEAR(actual.item<double>(), value, 1e-5 * std::max(1.0, std::abs(value))) << name;
  };
  expect_near(loss.total, expected[0].item<double>());
  expect_near(loss.terms.at(0).value, expected[1].item<double>());
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& [name, settings] : golden().metadata) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, Goldens, ::testing::ValuesIn(case_names()),
                         [](const auto& p) { return p.param; });

TEST(Goldens, EveryNamedVariantIsAmongTheCases) {
  for (const auto& [variant, method, name_of_case] :
       {std::tuple("authors_code", "lcr", "authors_code"),
        {"algorithm_a1", "lcr", "algorithm_a1"},
        {"algorithm_a1_rescaled", "lcr", "rescaled"},
        {"authors_code", "byol_lcr", "byol_authors"},
        {"algorithm_a1_rescaled", "byol_lcr", "byol_rescaled"}}) {
    Options options;
    options.get<LcrOptions>().variant = variant;
    options.get<MethodOptions>().method = method;
    resolve_variant(options);
    const Options golden_case = case_options(name_of_case);
    for (const char* name : {"cam-source", "kl-axis", "tau", "cam-scale", "mask-norm",
                             "detach-target", "kl-reduction", "gfb-bn-updates"})
      EXPECT_EQ(get_option(options, find_option(name, "test")),
                get_option(golden_case, find_option(name, "test")))
          << variant << " " << name;
  }
}

}  // namespace
}  // namespace lcr
