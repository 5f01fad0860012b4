#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <cstring>

#include "lcr/base/files.h"
#include "lcr/method/method.h"
#include "lcr/model/resnet.h"
#include "lcr/model/weights.h"
#include "support/files.h"
#include "support/networks.h"

namespace lcr {
namespace {

using testing::expect_user_error;
using testing::TemporaryFolder;

/// The formula of tests/golden/make_goldens.py.
void fill_by_formula(const std::string& name, torch::Tensor& tensor) {
  int phase = 0;
  for (std::size_t i = 0; i < name.size(); ++i) phase += static_cast<int>(i + 1) * static_cast<unsigned char>(name[i]);
  torch::Tensor x = torch::sin(0.37 * torch::arange(tensor.numel(), torch::kDouble) + phase % 1000).view(tensor.sizes());
  if (name.ends_with("running_var"))
    x = 1 + 0.5 * x * x;
  else if (tensor.dim() == 1)
    x = (name.ends_with("weight") ? 1 : 0) + 0.1 * x;
  else
    x = x * std::sqrt(2.0 / static_cast<double>(tensor.size(0) * tensor.size(2) * tensor.size(3)));
  tensor.copy_(x);
}

class Torchvision : public ::testing::TestWithParam<const char*> {};

TEST_P(Torchvision, SameWeightsGiveTheSameMap) {
  const torch::NoGradGuard no_grad;
  const auto golden = read_safetensors(std::string(LCR_SOURCE_DIR) + "/tests/golden/backbones.safetensors");
  ResNet net(BackboneOptions{.arch = GetParam()});
  for (auto& item : net->named_parameters()) fill_by_formula(item.key(), item.value());
  for (auto& item : net->named_buffers())
    if (item.value().dim() > 0) fill_by_formula(item.key(), item.value());
  net->eval();
  net->to(testing::test_device());
  const auto x = torch::sin(0.01 * torch::arange(2 * 3 * 64 * 64, torch::kDouble)).view({2, 3, 64, 64}).to(testing::test_device());
  const auto expected = read_tensor(golden, GetParam()).to(testing::test_device());
  ASSERT_GT(expected.norm().item<double>(), 1e-3);
  at::globalContext().setAllowTF32CuDNN(false);  // TF32 is not float32
  const auto single = net(x.to(torch::kFloat32));
  EXPECT_LT((single - expected).norm().item<double>(), 1e-4 * expected.norm().item<double>());
  net->to(torch::kDouble);
  // The weights passed through float32 on both sides, so that float64 agrees to its own precision.
  EXPECT_LT((net(x) - expected).norm().item<double>(), 1e-9 * expected.norm().item<double>());
}

INSTANTIATE_TEST_SUITE_P(All, Torchvision, ::testing::Values("resnet18", "resnet34", "resnet50", "resnet101"));

TEST(Weights, RoundTripOfEveryType) {
  const TemporaryFolder folder;
  std::map<std::string, torch::Tensor> tensors;
  for (const auto type : {torch::kDouble, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kLong, torch::kInt32, torch::kUInt8, torch::kBool})
    tensors[std::string("t/") + c10::toString(type)] = (random_normal({3, 4}, 0, "w") * 3).to(type);
  tensors["scalar"] = torch::tensor(7, torch::kLong);
  tensors["transposed"] = random_normal({3, 4}, 0, "t").t();
  write_tensors(folder / "w.safetensors", tensors, {{"a", "b"}});
  const auto file = read_safetensors(folder / "w.safetensors");
  EXPECT_EQ(file.metadata.at("a"), "b");
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const auto again = read_tensor(file, name);
    EXPECT_EQ(again.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(again.equal(tensor)) << name;
  }
  std::map<std::string, torch::Tensor> reread;
  for (const auto& [name, descriptor] : file.tensors) reread[name] = read_tensor(file, name);
  write_tensors(folder / "again.safetensors", reread, file.metadata);
  EXPECT_EQ(read_text(folder / "w.safetensors"), read_text(folder / "again.safetensors"));
}

TEST(Weights, ReportNamesWhatDidNotFit) {
  const TemporaryFolder folder;
  torch::nn::Linear linear(2, 3);
  write_tensors(folder / "w.safetensors", {{"weight", torch::ones({3, 2}, torch::kFloat16)}, {"bias", torch::ones({4})}, {"other", torch::ones({1})}}, {});
  const auto report = load_weights(*linear, read_safetensors(folder / "w.safetensors"));
  EXPECT_EQ(report.loaded, 1U);
  EXPECT_EQ(report.misshapen, std::vector<std::string>{"bias"});
  EXPECT_EQ(report.unexpected, std::vector<std::string>{"other"});
  EXPECT_TRUE(report.missing.empty());
  EXPECT_TRUE(linear->weight.equal(torch::ones({3, 2})));
}

TEST(Safetensors, DamagedFilesAreRefused) {
  const TemporaryFolder folder;
  write_tensors(folder / "good", {{"a", torch::ones({3})}, {"b", torch::zeros({2})}}, {});
  const std::string good = read_text(folder / "good");
  const auto refuse = [&](const std::string& content, const std::string& part) {
    testing::write_bytes(folder / "bad", content);
    expect_user_error([&] { read_safetensors(folder / "bad"); }, "bad", part);
  };
  for (std::size_t cut = 0; cut < good.size(); cut += 5) refuse(good.substr(0, cut), "");
  refuse(good + "x", "belong to no tensor");
  const auto with_header = [&](const std::string& header, std::size_t data = 20) {
    std::string content(8, '\0');
    const std::uint64_t size = header.size();
    std::memcpy(content.data(), &size, 8);
    return content + header + std::string(data, 'x');
  };
  refuse(with_header("[1]"), "no JSON object");
  refuse(with_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,16]}}"), "tensor a");
  refuse(with_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,20]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"), "overlap");
  refuse(with_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}"), "larger than the file");
  refuse(with_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}"), "bad shape");
  refuse(with_header("{\"a\":{\"dtype\":\"X9\",\"shape\":[1],\"data_offsets\":[0,4]}}"), "X9");
  refuse(with_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}"), "data_offsets");
  refuse(with_header("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}"), "dtype");
}

TEST(InitialWeights, OfAnotherArchitectureOrBuildAreRefused) {
  const TemporaryFolder folder;
  Options options = testing::tiny_options({{"method", "moco_v2"}});
  Encoder source = make_encoder(options, 7);
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& item : source->backbone()->named_parameters()) tensors[item.key()] = item.value();
  write_tensors(folder / "w", tensors, {});
  options.init = folder / "w";
  Encoder loaded = make_encoder(options, 0);
  EXPECT_TRUE(loaded->backbone()->parameters()[0].equal(source->backbone()->parameters()[0]));
  EXPECT_FALSE(loaded->head()->parameters()[0].equal(source->head()->parameters()[0]));
  Options wider = options;
  wider.width = 8;
  expect_user_error([&] { make_encoder(wider, 0); }, "another architecture");
  write_tensors(folder / "w", tensors, {{"stride_in_1x1", "true"}});
  expect_user_error([&] { make_encoder(options, 0); }, "stride_in_1x1 = true");
  write_tensors(folder / "w", tensors, {{"bn_eps", "1.001e-05"}});
  expect_user_error([&] { make_encoder(options, 0); }, "bn_eps");
  options.bn_eps = 1.001e-5;
  EXPECT_NO_THROW(make_encoder(options, 0));
  write_tensors(folder / "w", {{"fc.weight", torch::ones({2})}}, {});
  expect_user_error([&] { make_encoder(options, 0); }, "none of its 1 tensors");
}

}  // namespace
}  // namespace lcr
