#include "lcr/model/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/base/files.h"
#include "lcr/method/method_spec.h"
#include "lcr/method/supervised.h"
#include "lcr/model/model_options.h"
#include "lcr/model/resnet.h"
#include "lcr/weights/safetensors.h"
#include "tests/support/files.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

using testing::expect_user_error;
using testing::TemporaryFolder;

/// Fills a tensor by the formula of tests/golden/make_goldens.py.
void fill_by_formula(const std::string& name, torch::Tensor& tensor) {
  int phase = 0;
  for (std::size_t i = 0; i < name.size(); ++i)
    phase += static_cast<int>(i + 1) * static_cast<unsigned char>(name[i]);
  torch::Tensor x = torch::sin(0.37 * torch::arange(tensor.numel(), torch::kDouble) + phase % 1000)
                        .view(tensor.sizes());
  if (name.ends_with("running_var")) {
    x = 1 + 0.5 * x * x;
  } else if (tensor.dim() == 1) {
    x = (name.ends_with("weight") ? 1 : 0) + 0.1 * x;
  } else {
    const std::int64_t positions = tensor.dim() == 4 ? tensor.size(2) * tensor.size(3) : 1;
    x = x * std::sqrt(2.0 / static_cast<double>(tensor.size(0) * positions));
  }
  tensor.copy_(x);
}

class Torchvision : public ::testing::TestWithParam<const char*> {};

TEST_P(Torchvision, SameWeightsGiveTheSameMap) {
  const torch::NoGradGuard no_grad;
  const auto golden =
      read_safetensors(std::string(LCR_SOURCE_DIR) + "/tests/golden/backbones.safetensors");
  ResNet net(BackboneOptions{.arch = GetParam()});
  for (auto& item : net->named_parameters()) fill_by_formula(item.key(), item.value());
  for (auto& item : net->named_buffers())
    if (item.value().dim() > 0) fill_by_formula(item.key(), item.value());
  net->eval();
  net->to(testing::test_device());
  const auto x = torch::sin(0.01 * torch::arange(2 * 3 * 64 * 64, torch::kDouble))
                     .view({2, 3, 64, 64})
                     .to(testing::test_device());
  const auto expected = read_tensor(golden, GetParam()).to(testing::test_device());
  ASSERT_GT(expected.norm().item<double>(), 1e-3);
  at::globalContext().setAllowTF32CuDNN(false);  // TF32 is not float32
  const auto single = net(x.to(torch::kFloat32));
  EXPECT_LT((single - expected).norm().item<double>(), 1e-4 * expected.norm().item<double>());
  net->to(torch::kDouble);
  // Both sides round the weights to float32, so float64 agrees to its own precision.
  EXPECT_LT((net(x) - expected).norm().item<double>(), 1e-9 * expected.norm().item<double>());
}

INSTANTIATE_TEST_SUITE_P(All, Torchvision,
                         ::testing::Values("resnet18", "resnet34", "resnet50", "resnet101"));

TEST(Weights, RoundTripOfEveryType) {
  const TemporaryFolder folder;
  std::map<std::string, torch::Tensor> tensors;
  for (const auto type : {torch::kDouble, torch::kFloat32, torch::kFloat16, torch::kBFloat16,
                          torch::kLong, torch::kInt32, torch::kUInt8, torch::kBool})
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
  write_tensors(folder / "w.safetensors",
                {{"weight", torch::ones({3, 2}, torch::kFloat16)},
                 {"bias", torch::ones({4})},
                 {"other", torch::ones({1})}},
                {});
  const auto report = load_weights(*linear, read_safetensors(folder / "w.safetensors"), "w");
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
  refuse(with_header("[1]"), "not a JSON object");
  refuse(with_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,16]}}"),
         "tensor a");
  refuse(with_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,20]},\"b\":{"
                     "\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"),
         "overlap");
  refuse(
      with_header(
          "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}"),
      "larger than the file");
  refuse(with_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}"),
         "bad shape");
  refuse(with_header("{\"a\":{\"dtype\":\"X9\",\"shape\":[1],\"data_offsets\":[0,24]}}"),
         "tensor a");
  refuse(with_header("{\"a\":{\"dtype\":\"X9\",\"shape\":[1],\"data_offsets\":[4,0]}}"),
         "tensor a");
  refuse(with_header("{\"a\":{\"dtype\":\"X9\",\"shape\":[1],\"data_offsets\":[0,4]}}"),
         "belong to no tensor");
  refuse(with_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}"),
         "data_offsets");
  refuse(with_header("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}"), "dtype");
}

/// The tensors of a backbone with weights of that seed.
std::map<std::string, torch::Tensor> backbone_tensors(Options options, std::uint64_t seed) {
  options.get<InitOptions>().init.clear();
  return named_tensors(*make_encoder(options, seed)->backbone());
}

/// How many of them count batches.
std::size_t counters(const std::map<std::string, torch::Tensor>& tensors) {
  return static_cast<std::size_t>(std::count_if(tensors.begin(), tensors.end(), [](const auto& t) {
    return t.first.ends_with("num_batches_tracked");
  }));
}

TEST(InitialWeights, OfAnotherArchitectureOrBuildAreRefused) {
  const TemporaryFolder folder;
  Options options = testing::tiny_options({{"method", "moco_v2"}});
  Encoder source = make_encoder(options, 7);
  const auto tensors = named_tensors(*source->backbone());
  write_tensors(folder / "w.safetensors", tensors, {});
  options.get<InitOptions>().init = folder / "w.safetensors";
  Encoder loaded = make_encoder(options, 0);
  EXPECT_TRUE(loaded->backbone()->parameters()[0].equal(source->backbone()->parameters()[0]));
  EXPECT_FALSE(loaded->head()->parameters()[0].equal(source->head()->parameters()[0]));
  Options wider = options;
  wider.get<NarrowOptions>().width = 8;
  expect_user_error([&] { make_encoder(wider, 0); }, "another architecture",
                    "it fits arch = narrow with width = 4");
  write_tensors(folder / "w.safetensors", tensors, {{"stride_in_1x1", "true"}});
  expect_user_error([&] { make_encoder(options, 0); }, "stride_in_1x1 = true");
  write_tensors(folder / "w.safetensors", tensors, {{"bn_eps", "1.001e-05"}});
  expect_user_error([&] { make_encoder(options, 0); }, "bn_eps");
  options.get<ArchOptions>().bn_eps = 1.001e-5;
  EXPECT_NO_THROW(make_encoder(options, 0));
  write_tensors(folder / "w.safetensors", {{"fc.weight", torch::ones({2})}}, {});
  expect_user_error([&] { make_encoder(options, 0); }, "none of its 1 tensors");
}

/// torchvision's ResNet-50 with its classifier, all values by the formula, under a prefix.
std::map<std::string, torch::Tensor> resnet50_by_formula(const std::string& prefix) {
  const torch::NoGradGuard no_grad;
  ResNet net(BackboneOptions{.arch = "resnet50"});
  std::map<std::string, torch::Tensor> tensors;
  for (auto& [name, tensor] : named_tensors(*net)) {
    if (tensor.dim() > 0) fill_by_formula(name, tensor);
    tensors[prefix + name] = tensor;
  }
  tensors[prefix + "fc.weight"] = torch::empty({1000, 2048});
  tensors[prefix + "fc.bias"] = torch::empty({1000});
  for (const char* name : {"fc.weight", "fc.bias"}) fill_by_formula(name, tensors[prefix + name]);
  return tensors;
}

TEST(InitialWeights, LogitsOfResNet50AreTorchvisions) {
  const torch::NoGradGuard no_grad;
  const TemporaryFolder folder;
  Options options;
  options.get<MethodOptions>().method = "supervised";
  options.get<ArchOptions>().arch = "resnet50";
  options.get<PrecisionOptions>().precision = "float32";
  options.get<InitOptions>().init = folder / "resnet50.safetensors";
  write_tensors(options.get<InitOptions>().init, resnet50_by_formula(""), {});
  Supervised classifier(options, 0, 1000);
  load_weights(*classifier.named_children()["classifier"],
               read_weights(options.get<InitOptions>().init), options.get<InitOptions>().init,
               "fc.");
  classifier.eval();
  const auto x = torch::sin(0.01 * torch::arange(2 * 3 * 64 * 64, torch::kDouble))
                     .view({2, 3, 64, 64})
                     .to(torch::kFloat32);
  const auto expected = read_tensor(
      read_safetensors(std::string(LCR_SOURCE_DIR) + "/tests/golden/backbones.safetensors"),
      "resnet50/logits");
  ASSERT_GT(expected.abs().max().item<double>(), 0.1);
  EXPECT_LT((classifier.logits(x) - expected).abs().max().item<double>(),
            1e-4 * expected.abs().max().item<double>());
}

TEST(Safetensors, FilesCarryAChecksumOfAllOfThem) {
  const TemporaryFolder folder;
  write_tensors(folder / "a.safetensors",
                {{"x", torch::arange(12, torch::kFloat32).view({3, 4})},
                 {"y", torch::ones({2}, torch::kDouble)}},
                {{"note", "some text"}});
  const WeightFile file = read_safetensors(folder / "a.safetensors");
  EXPECT_TRUE(file.checksummed);
  EXPECT_EQ(file.metadata.size(), 1U);
  const std::string good = read_text(folder / "a.safetensors");
  // No flipped bit goes unnoticed: the file is refused, or has lost its checksum (which checkpoints
  // must have), or the bit was in the padding after the header.
  int refused = 0, unmarked = 0, unchanged = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x04);
    testing::write_bytes(folder / "b.safetensors", bad);
    try {
      const WeightFile read = read_safetensors(folder / "b.safetensors");
      if (!read.checksummed) {
        ++unmarked;
        continue;
      }
      ++unchanged;
      EXPECT_EQ(good[at], ' ') << at;
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_LE(unmarked, 80);  // within the names of the checksum and of the metadata
  EXPECT_LE(unchanged, 7);
  EXPECT_GE(refused, static_cast<int>(good.size()) - 87);
}

TEST(InitialWeights, PrefixesAreFoundOrNamed) {
  const TemporaryFolder folder;
  Options options = testing::tiny_options({{"method", "moco_v2"}});
  const auto backbone_of = [&](std::uint64_t seed) { return backbone_tensors(options, seed); };
  const auto with_prefix = [](std::map<std::string, torch::Tensor> tensors,
                              const std::string& prefix,
                              std::map<std::string, torch::Tensor>& out) {
    for (const auto& [name, tensor] : tensors) out[prefix + name] = tensor;
  };
  const auto first = [](Encoder encoder) {
    return encoder->backbone()->named_parameters()["conv1.weight"];
  };
  options.get<InitOptions>().init = folder / "w.safetensors";
  for (const char* prefix :
       {"", "backbone.", "state_dict.module.encoder_q.", "online_encoder.0."}) {
    std::map<std::string, torch::Tensor> tensors = {{"optimizer.momentum", torch::ones({3})}};
    with_prefix(backbone_of(7), prefix, tensors);
    tensors[std::string(prefix) + "fc.weight"] = torch::ones({10, 4});
    write_tensors(options.get<InitOptions>().init, tensors, {});
    Encoder encoder = make_encoder(options, 0);
    EXPECT_TRUE(first(encoder).equal(backbone_of(7).at("conv1.weight"))) << prefix;
    const LoadReport report = load_initial_weights(encoder, options);
    EXPECT_EQ(report.prefix, prefix);
    EXPECT_TRUE(report.missing.empty());
    EXPECT_EQ(report.outside, *prefix ? 1U : 0U);
  }
  // Of a network and its momentum copy, the network is read; of two equal ones neither, unless a
  // prefix selects one.
  std::map<std::string, torch::Tensor> tensors;
  with_prefix(backbone_of(1), "module.encoder_k.", tensors);
  with_prefix(backbone_of(2), "module.encoder_q.", tensors);
  write_tensors(options.get<InitOptions>().init, tensors, {});
  EXPECT_TRUE(first(make_encoder(options, 0)).equal(backbone_of(2).at("conv1.weight")));
  with_prefix(backbone_of(3), "schema.", tensors);  // "schema" is not "ema"
  write_tensors(options.get<InitOptions>().init, tensors, {});
  expect_user_error([&] { make_encoder(options, 0); }, "--init-prefix", "module.encoder_q.",
                    "schema.");
  options.get<InitOptions>().init_prefix = "schema.";
  EXPECT_TRUE(first(make_encoder(options, 0)).equal(backbone_of(3).at("conv1.weight")));
  options.get<InitOptions>().init_prefix = "none.";
  expect_user_error([&] { make_encoder(options, 0); }, "under the prefix 'none.'");
}

TEST(InitialWeights, ANetworkWithoutPrefixBesideAnotherCanBeChosen) {
  const TemporaryFolder folder;
  Options options = testing::tiny_options({{"method", "moco_v2"}});
  const auto first = backbone_tensors(options, 1), second = backbone_tensors(options, 2);
  std::map<std::string, torch::Tensor> both = first;
  for (const auto& [name, tensor] : second) both["backbone2." + name] = tensor;
  options.get<InitOptions>().init = folder / "two.safetensors";
  write_tensors(options.get<InitOptions>().init, both, {});
  expect_user_error([&] { make_encoder(options, 0); }, "two.safetensors", "--init-prefix: . (for",
                    "backbone2.");
  const auto read = [&](const char* prefix) {
    options.get<InitOptions>().init_prefix = prefix;
    return make_encoder(options, 0)->backbone()->named_parameters()["conv1.weight"];
  };
  EXPECT_TRUE(read(".").equal(first.at("conv1.weight")));
  EXPECT_TRUE(read("backbone2.").equal(second.at("conv1.weight")));
}

TEST(InitialWeights, OfAPartOfTheBackboneAreRefusedUnlessAskedFor) {
  const TemporaryFolder folder;
  Options options = testing::tiny_options({{"method", "moco_v2"}});
  options.get<InitOptions>().init = folder / "w.safetensors";
  const auto whole = backbone_tensors(options, 7);
  const auto refuse = [&](const std::map<std::string, torch::Tensor>& tensors,
                          const std::string& missing, const std::string& left_over) {
    write_tensors(options.get<InitOptions>().init, tensors, {});
    options.get<InitOptions>().init_partial = false;
    expect_user_error([&] { make_encoder(options, 0); }, "w.safetensors", "arch = narrow",
                      "missing: " + missing, "left over: " + left_over, "--init-partial yes");
    options.get<InitOptions>().init_partial = true;
    Encoder encoder = make_encoder(options, 0);
    EXPECT_TRUE(
        encoder->backbone()->named_parameters()["conv1.weight"].equal(whole.at("conv1.weight")));
  };
  // The list of names is bounded.
  refuse({{"conv1.weight", whole.at("conv1.weight")}, {"fc.weight", torch::ones({10, 32})}},
         fmt::format("{} (bn1.bias, bn1.running_mean, bn1.running_var, bn1.weight, "
                     "layer1.0.bn1.bias, layer1.0.bn1.running_mean, ...)",
                     whole.size() - 1 - counters(whole)),
         "none");
  auto without = whole;
  without.erase("layer4.0.bn2.running_var");
  refuse(without, "1 (layer4.0.bn2.running_var)", "none");
  auto more = whole;
  more["layer4.1.conv1.weight"] = torch::ones({2});
  more["conv1.bias"] = torch::ones({4});
  refuse(more, "none", "2 (conv1.bias, layer4.1.conv1.weight)");
  // What files of other origin lack or have beside a backbone is no error.
  auto good = whole;
  std::erase_if(good, [](const auto& item) { return item.first.ends_with("num_batches_tracked"); });
  for (const char* name : {"fc.weight", "fc.0.weight", "head.weight", "layers.weight",
                           "conv16.bias", "queue", "layer4.0.bn9.num_batches_tracked"})
    good[name] = torch::ones({2});
  write_tensors(options.get<InitOptions>().init, good, {});
  options.get<InitOptions>().init_partial = false;
  Encoder encoder = make_encoder(options, 0);
  const LoadReport report = load_initial_weights(encoder, options);
  EXPECT_EQ(report.loaded, whole.size() - counters(whole));
  EXPECT_EQ(report.missing.size(), counters(whole));
}

TEST(InitialWeights, OfAnotherArchitectureNameTheOneThatFits) {
  const TemporaryFolder folder;
  const auto refuse = [&](const BackboneOptions& of_file, const char* arch,
                          const std::string& advice) {
    Options options = testing::tiny_options({{"method", "moco_v2"}, {"arch", arch}});
    options.get<InitOptions>().init = folder / "w.safetensors";
    std::map<std::string, torch::Tensor> tensors;
    for (const auto& [name, tensor] : named_tensors(*ResNet(of_file)))
      tensors["state_dict." + name] = tensor;
    write_tensors(options.get<InitOptions>().init, tensors, {});
    expect_user_error([&] { make_encoder(options, 0); }, "w.safetensors", advice);
  };
  refuse({.arch = "resnet50_c4"}, "resnet50", "it fits arch = resnet50_c4");
  refuse({.arch = "resnet34"}, "resnet18",
         "it fits arch = resnet34 under the prefix 'state_dict.';");
  refuse({.arch = "resnet18"}, "resnet50", "it fits arch = resnet18");
  refuse({.arch = "resnet18", .stem = "cifar"}, "resnet18",
         "it fits arch = resnet18 with stem = cifar");
  refuse({.arch = "narrow", .width = 6}, "narrow", "it fits arch = narrow with width = 6");
}

TEST(InitialWeights, ThatAreNotFiniteAreRefusedByName) {
  const TemporaryFolder folder;
  Options options = testing::tiny_options({{"method", "moco_v2"}});
  options.get<InitOptions>().init = folder / "w.safetensors";
  const auto whole = backbone_tensors(options, 7);
  for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL, 1e300})
    for (const char* name : {"conv1.weight", "layer2.0.bn1.running_var"}) {
      auto bad = whole;
      bad["fc.weight"] = torch::full({2}, std::nan(""));  // not used
      write_tensors(options.get<InitOptions>().init, bad, {});
      EXPECT_NO_THROW(make_encoder(options, 0));
      bad[name] = whole.at(name).to(torch::kDouble).clone();
      bad[name].view(-1)[3] = value;
      write_tensors(options.get<InitOptions>().init, bad, {});
      expect_user_error([&] { make_encoder(options, 0); }, "w.safetensors",
                        std::string("tensor ") + name, "not finite");
    }
}

TEST(InitialWeights, NamesOfASequentialAreMapped) {
  const TemporaryFolder folder;
  Options options = testing::tiny_options({{"method", "moco_v2"}});
  options.get<InitOptions>().init = folder / "w.safetensors";
  const auto whole = backbone_tensors(options, 7);
  const std::pair<const char*, const char*> children[] = {{"conv1.", "0."},  {"bn1.", "1."},
                                                          {"layer1.", "4."}, {"layer2.", "5."},
                                                          {"layer3.", "6."}, {"layer4.", "7."}};
  for (const std::string prefix : {"", "backbone.", "state_dict.online.0."}) {
    std::map<std::string, torch::Tensor> tensors = {{"head.0.weight", torch::ones({4, 3, 3, 3})},
                                                    {"9.weight", torch::ones({1})}};
    for (const auto& [name, tensor] : whole)
      for (const auto& [own, number] : children)
        if (name.starts_with(own))
          tensors[prefix + number + name.substr(std::string(own).size())] = tensor;
    ASSERT_EQ(tensors.size(), whole.size() + 2);
    write_tensors(options.get<InitOptions>().init, tensors, {});
    Encoder encoder = make_encoder(options, 0);
    for (const auto& [name, tensor] : named_tensors(*encoder->backbone()))
      EXPECT_TRUE(tensor.equal(whole.at(name))) << prefix << name;
    // Messages name the tensor as the file does.
    tensors[prefix + "5.0.conv1.weight"] =
        torch::full_like(whole.at("layer2.0.conv1.weight"), std::nan(""));
    write_tensors(options.get<InitOptions>().init, tensors, {});
    expect_user_error([&] { make_encoder(options, 0); },
                      "tensor " + prefix + "5.0.conv1.weight holds");
  }
}

TEST(Safetensors, TensorsOfOtherTypesAreLeftOutByName) {
  const TemporaryFolder folder;
  // The forms of safetensors 0.8.
  const std::string header =
      "{\"__metadata__\":null,"
      "\"weight\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[0,4]},"
      "\"bias\":{\"dtype\":\"U16\",\"shape\":[1],\"data_offsets\":[4,6]},"
      "\"scale\":{\"dtype\":\"F8_E4M3\",\"shape\":[2],\"data_offsets\":[6,8]},"
      "\"packed\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[8,10]}}";
  std::string content(8, '\0');
  const std::uint64_t size = header.size();
  std::memcpy(content.data(), &size, 8);
  testing::write_bytes(folder / "w", content + header + std::string("\0\0\xc0\x3f______", 10));
  const WeightFile file = read_weights(folder / "w");
  ASSERT_EQ(file.tensors.size(), 1U);
  EXPECT_EQ(read_tensor(file, "weight").item<float>(), 1.5F);
  ASSERT_EQ(file.unread.size(), 3U);
  EXPECT_EQ(file.unread.at("bias").dtype, "U16");
  EXPECT_EQ(file.unread.at("scale").dtype, "F8_E4M3");
  EXPECT_EQ(file.unread.at("packed").dtype, "F4");
  EXPECT_TRUE(file.metadata.empty());
  // Beside the weights they do no harm; as weights they are refused by name.
  torch::nn::Linear plain(torch::nn::LinearOptions(1, 1).bias(false));
  EXPECT_EQ(load_weights(*plain, file, "w.safetensors").loaded, 1U);
  EXPECT_EQ(plain->weight.item<float>(), 1.5F);
  torch::nn::Linear with_bias(1, 1);
  const torch::Tensor before = with_bias->weight.detach().clone();
  expect_user_error([&] { load_weights(*with_bias, file, "w.safetensors"); }, "w.safetensors",
                    "tensor bias", "U16");
  EXPECT_TRUE(with_bias->weight.equal(before));
}

TEST(InitialWeights, ALegacyCheckpointOfMoCoIsRead) {
  // Of this other network only the first convolution has the same name: the error shows that the
  // file was read.
  Options options = testing::tiny_options({{"method", "moco_v2"}});
  options.get<InitOptions>().init =
      std::string(LCR_SOURCE_DIR) + "/tests/golden/weights/checkpoint_legacy.pth.tar";
  options.get<InitOptions>().init_prefix = "state_dict.module.encoder_q.";
  expect_user_error([&] { make_encoder(options, 0); }, "the first is conv1.weight",
                    "another architecture");
}

}  // namespace
}  // namespace lcr
