#include <cmath>
#include <numbers>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/data/synth_birds.h"
#include "lcr/experiment/option_table.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/train/lars.h"
#include "lcr/train/schedule.h"
#include "lcr/train/trainer.h"
#include "lcr/train/training_options.h"
#include "tests/support/device_form.h"
#include "tests/support/files.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

TEST(Schedule, CosineMayBeLongerThanTheTraining) {
  // The authors' BYOL on CUB: 100 epochs of a schedule of 800, 10 of them warm-up.
  Options options = testing::tiny_options({{"schedule", "step"},
                                           {"epochs", "100"},
                                           {"schedule-epochs", "800"},
                                           {"warmup-epochs", "10"},
                                           {"lr", "0.15"}});
  EXPECT_DOUBLE_EQ(learning_rate(options, 0, 46), 0.15 / 460);
  EXPECT_DOUBLE_EQ(learning_rate(options, 460, 46), 0.15);
  EXPECT_DOUBLE_EQ(learning_rate(options, 100 * 46 - 1, 46),
                   0.075 * (1 + std::cos(std::numbers::pi * (90 * 46 - 1) / (790 * 46.0))));
  options.get<TrainingOptions>().schedule_epochs = 99;
  testing::expect_user_error([&] { check_consistency(options); }, "schedule-epochs = 99");
}

TEST(Lars, OneStepByHand) {
  torch::Tensor weight = torch::tensor({{3.0, 4.0}}, torch::kDouble).requires_grad_();
  torch::Tensor bias = torch::tensor({1.0}, torch::kDouble).requires_grad_();
  torch::Tensor zero = torch::zeros({1, 1}, torch::kDouble).requires_grad_();
  Lars lars({weight, bias, zero}, 0.5, 0.1, 0.01);
  for (int step = 0; step < 2; ++step) {
    // With the decay first (0, 1): norm 1, the weight's norm 5.
    weight.mutable_grad() = torch::tensor({{-0.3, 0.6}}, torch::kDouble);
    bias.mutable_grad() = torch::tensor({2.0}, torch::kDouble);
    // The parameter has norm 0: a factor of 1.
    zero.mutable_grad() = torch::tensor({{1.0}}, torch::kDouble);
    lars.step(2);
    if (step == 0)
      EXPECT_LT((weight - torch::tensor({{3.0, 3.9}}, torch::kDouble)).abs().max().item<double>(),
                1e-12);
  }
  EXPECT_DOUBLE_EQ(bias[0].item<double>(), 1 - 4 - 6);
  EXPECT_DOUBLE_EQ(lars.velocities()[1][0].item<double>(), 6);
  EXPECT_LT(zero[0][0].item<double>(), -2);
}

TEST(Sgd, IsTorchs) {
  const auto start = random_normal({7, 3}, 0, "p");
  auto ours = start.clone().requires_grad_(true);
  auto theirs = start.clone().requires_grad_(true);
  Sgd sgd({ours}, 0.9, 0.01);
  torch::optim::SGD reference({theirs},
                              torch::optim::SGDOptions(0.1).momentum(0.9).weight_decay(0.01));
  for (int i = 0; i < 5; ++i) {
    const auto target = random_normal({7, 3}, 0, std::to_string(i));
    sgd.zero_grad();
    reference.zero_grad();
    (ours - target).pow(2).sum().backward();
    (theirs - target).pow(2).sum().backward();
    sgd.step(0.1);
    reference.step();
    EXPECT_TRUE(torch::allclose(ours, theirs, 1e-6, 1e-6)) << i;
  }
}

TEST(Sgd, LeavesParametersWithoutGradientAlone) {
  auto used = torch::ones({2}).requires_grad_(true);
  auto unused = torch::ones({2}).requires_grad_(true);
  Sgd sgd({used, unused}, 0.9, 0.1);
  used.sum().backward();
  sgd.step(0.1);
  EXPECT_TRUE(unused.equal(torch::ones({2})));
  EXPECT_FALSE(used.equal(torch::ones({2})));
}

TEST(Sgd, TheFormOfDevicesUpdatesAnyNumberOfParameters) {
  const auto run = [](bool device_form) {
    const torch::Device device = device_form ? testing::test_device() : torch::kCPU;
    std::vector<torch::Tensor> parameters, averages;
    for (std::int64_t i = 0; i < 70; ++i) {  // more than one batch of pieces
      const std::vector<std::int64_t> shape = {i == 3 ? 140000 : i + 1};
      const auto name = std::to_string(i);
      parameters.push_back(random_normal(shape, 0, name).to(device).requires_grad_());
      averages.push_back(random_normal(shape, 1, name).to(device));
    }
    Sgd sgd(parameters, 0.9, 0.01, {averages, parameters, 0.99});
    const testing::DeviceForm form(device_form);
    for (int step = 0; step < 3; ++step) {
      sgd.zero_grad();
      for (std::size_t i = 0; i < parameters.size(); ++i)
        if (i != 5)  // has no gradient
          parameters[i].mutable_grad() = parameters[i].detach().cpu().cos().to(device);
      sgd.step(0.1);
    }
    std::vector<torch::Tensor> all;
    for (const auto* tensors : {&parameters, &averages, &sgd.velocities()})
      for (const auto& tensor : *tensors) all.push_back(tensor.detach().cpu());
    return all;
  };
  const auto loops = run(false), kernels = run(true);
  for (std::size_t i = 0; i < loops.size(); ++i) EXPECT_TRUE(kernels[i].equal(loops[i])) << i;
}

TEST(Sgd, MovesItsAveragesAfterTheUpdate) {
  // float32 goes through our loop, float64 through LibTorch's operations.
  const auto run = [](torch::ScalarType type, const std::string& optimizer, bool channels_last) {
    std::vector<torch::Tensor> parameters, averages;
    for (const std::vector<std::int64_t>& shape :
         {std::vector<std::int64_t>{70000}, {5}, {3, 7, 3, 3}, {4, 6}}) {
      const auto name = std::to_string(shape.front());
      auto start = random_normal(shape, 0, "p" + name).to(type);
      auto average = random_normal(shape, 0, "a" + name).to(type);
      if (channels_last && start.dim() == 4) {
        start = start.contiguous(torch::MemoryFormat::ChannelsLast);
        average = average.contiguous(torch::MemoryFormat::ChannelsLast);
      }
      parameters.push_back(start.requires_grad_());
      averages.push_back(average);
    }
    const MovingAverages follow{{averages[0], averages[2]}, {parameters[0], parameters[2]}, 0.9};
    const auto sgd = optimizer == "lars"
                         ? std::make_unique<Lars>(parameters, 0.9, 0.01, 0.1, follow)
                         : std::make_unique<Sgd>(parameters, 0.9, 0.01, follow);
    for (int i = 0; i < 3; ++i) {
      sgd->zero_grad();
      torch::Tensor loss = torch::zeros({}, type);
      for (std::size_t p = 0; p < parameters.size(); ++p)
        if (p != 2 || i > 0)  // without a gradient at first
          loss = loss + (parameters[p] * parameters[p].detach().cos()).pow(2).sum();
      loss.backward();
      sgd->step(0.1);
    }
    std::vector<torch::Tensor> all;
    for (const auto* tensors : {&parameters, &averages, &sgd->velocities()})
      for (const auto& tensor : *tensors) all.push_back(tensor.detach().to(torch::kDouble));
    return all;
  };
  for (const char* optimizer : {"sgd", "lars"}) {
    const auto expected = run(torch::kDouble, optimizer, false);
    for (const bool channels_last : {false, true}) {
      const auto actual = run(torch::kFloat, optimizer, channels_last);
      for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_TRUE(torch::allclose(actual[i], expected[i], 2e-5, 1e-6)) << optimizer << i;
    }
    // averages[1] and [3] follow nothing.
    EXPECT_TRUE(expected[5].equal(random_normal({5}, 0, "a5").to(torch::kDouble)));
    EXPECT_FALSE(expected[6].equal(random_normal({3, 7, 3, 3}, 0, "a3").to(torch::kDouble)));
  }
}

TEST(LearningRate, CosineByEpochAndByStepAfterAWarmUp) {
  Options options;
  options.get<TrainingOptions>().lr = 0.03;
  options.get<TrainingOptions>().epochs = 100;
  EXPECT_DOUBLE_EQ(learning_rate(options, 0, 7), 0.03);
  EXPECT_DOUBLE_EQ(learning_rate(options, 6, 7), 0.03) << "the same all through an epoch";
  EXPECT_NEAR(learning_rate(options, 350, 7), 0.015, 1e-12);
  EXPECT_NEAR(learning_rate(options, 699, 7), 7.4e-6, 1e-7);
  options.get<TrainingOptions>().schedule = "step";
  EXPECT_NEAR(learning_rate(options, 175, 7), 0.015 * (1 + std::sqrt(0.5)), 1e-12);
  options.get<TrainingOptions>().warmup_epochs = 2;
  EXPECT_NEAR(learning_rate(options, 0, 7), 0.03 / 14, 1e-12);
  EXPECT_NEAR(learning_rate(options, 13, 7), 0.03, 1e-12);
  EXPECT_NEAR(learning_rate(options, 14, 7), 0.03, 1e-12);
  EXPECT_NEAR(learning_rate(options, 14 + 343, 7), 0.015, 1e-12);
}

TEST(Trainer, EpochsAreReproducibleAndLimited) {
  const Dataset data = make_synth_birds({.classes = 3,
                                         .train_per_class = 7,
                                         .test_per_class = 2,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const Options options = testing::tiny_options({{"epochs", "2"}, {"lr", "0.02"}});
  std::vector<double> losses;
  for (int repeat = 0; repeat < 2; ++repeat) {
    Trainer trainer(make_method(options, 5), options, data.train, 5, testing::test_device(), 1);
    EXPECT_EQ(trainer.steps_per_epoch(), 3);
    std::int64_t told = 0;
    const auto observe = [&](std::int64_t done, double) { told = done; };
    const EpochLog first = trainer.run_epoch(0, observe, 100);
    EXPECT_EQ(first.steps, 3);
    EXPECT_EQ(told, 3);
    const EpochLog second = trainer.run_epoch(1, observe, 2);
    EXPECT_EQ(second.steps, 2);
    EXPECT_EQ(told, 5);
    EXPECT_DOUBLE_EQ(second.lr, 0.01);
    losses.push_back(first.loss());
    losses.push_back(second.loss());
  }
  EXPECT_TRUE(testing::agree(losses[0], losses[2])) << losses[0] << " " << losses[2];
  EXPECT_TRUE(testing::agree(losses[1], losses[3])) << losses[1] << " " << losses[3];
}

TEST(Trainer, RefusesTooFewImagesAndStopsOnANonFiniteLoss) {
  const Dataset data = make_synth_birds({.classes = 2,
                                         .train_per_class = 3,
                                         .test_per_class = 2,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const Options big = testing::tiny_options({{"batch-size", "12"}});
  testing::expect_user_error(
      [&] { Trainer(make_method(big, 0), big, data.train, 0, testing::test_device(), 1); },
      "fewer than one batch");
  const Options options = testing::tiny_options({{"lr", "1000"}, {"weight-decay", "1"}});
  const auto method = make_method(options, 0);
  {
    const torch::NoGradGuard no_grad;
    method->parameters()[0].fill_(std::numeric_limits<float>::quiet_NaN());
  }
  Trainer trainer(method, options, data.train, 0, testing::test_device(), 1);
  testing::expect_user_error(
      [&] {
        trainer.run_epoch(
            0, [](std::int64_t, double) {}, 100);
      },
      "contrastive_loss became nan at step 1", "lr = 1000");
  EXPECT_THROW(trainer.run_epoch(
                   0, [](std::int64_t, double) {}, 100),
               Diverged);
}

TEST(Trainer, ADivergenceNamesOnlyOptionsThatTheMethodHas) {
  const Dataset data = make_synth_birds({.classes = 2,
                                         .train_per_class = 3,
                                         .test_per_class = 2,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  struct Expectation {
    std::vector<std::pair<const char*, const char*>> settings;
    bool has_nu;
  };
  for (const auto& [settings, has_nu] :
       {Expectation{{{"method", "moco_v2"}}, false}, Expectation{{{"method", "byol"}}, false},
        Expectation{{{"method", "supervised"}}, false},
        Expectation{{{"method", "lcr"}, {"gfb", "random"}}, false},
        Expectation{{{"method", "lcr"}, {"nu", "0"}}, false},
        Expectation{{{"method", "lcr"}}, true}, Expectation{{{"method", "byol_lcr"}}, true}}) {
    Options options = testing::tiny_options();
    for (const auto& [name, value] : settings) set_option(options, name, value, "test");
    resolve_variant(options);
    const auto method = make_method(options, 0, 2);
    {
      const torch::NoGradGuard no_grad;
      method->parameters()[0].fill_(std::numeric_limits<float>::quiet_NaN());
    }
    Trainer trainer(method, options, data.train, 0, testing::test_device(), 1);
    const testing::TemporaryFolder folder;
    const auto message = [](const auto& call) -> std::string {
      try {
        call();
      } catch (const Diverged& e) {
        return e.what();
      }
      return "no divergence";
    };
    for (const std::string& text : {message([&] {
                                      trainer.run_epoch(
                                          0, [](std::int64_t, double) {}, 100);
                                    }),
                                    message([&] {
                                      trainer.save(folder / "a.safetensors", {"id", 0, 1, "", ""});
                                    })}) {
      EXPECT_NE(text.find("lower lr = 0.1"), std::string::npos)
          << options.get<MethodOptions>().method << ": " << text;
      EXPECT_EQ(text.find("nu = ") != std::string::npos, has_nu)
          << options.get<MethodOptions>().method << ": " << text;
    }
  }
}

TEST(Trainer, NamesTheLossThatDiverged) {
  const Dataset data = make_synth_birds({.classes = 2,
                                         .train_per_class = 3,
                                         .test_per_class = 2,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const Options options = testing::tiny_options();
  const auto method = make_method(options, 0);
  {
    const torch::NoGradGuard no_grad;
    for (auto& item : method->gfb()->named_parameters())
      item.value().fill_(std::numeric_limits<float>::quiet_NaN());
  }
  Trainer trainer(method, options, data.train, 0, testing::test_device(), 1);
  testing::expect_user_error(
      [&] {
        trainer.run_epoch(
            0, [](std::int64_t, double) {}, 100);
      },
      "kl_loss became nan at step 1", "nu = 0.01");
  // Such a state is never saved.
  const testing::TemporaryFolder folder;
  testing::expect_user_error(
      [&] {
        trainer.save(folder / "a.safetensors", {"id", 0, 1, "", ""});
      },
      "is no longer finite after epoch 0, step 1");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace lcr
