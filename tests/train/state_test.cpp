// Saving and restoring the training state, and the fingerprints that guard numerics_revision.
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <torch/torch.h>

#include "lcr/base/files.h"
#include "lcr/base/rng.h"
#include "lcr/data/loader.h"
#include "lcr/evaluate/features.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/identify_run.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/initialise.h"
#include "lcr/model/input.h"
#include "lcr/record/run_identity.h"
#include "lcr/train/step.h"
#include "lcr/train/trainer.h"
#include "tests/support/files.h"
#include "tests/support/networks.h"
#include "tests/support/ranks.h"

namespace lcr {
namespace {

using testing::agree;
using testing::expect_user_error;
using testing::rank_device;
using testing::TemporaryFolder;
using testing::test_device;
using testing::tiny_options;

/// Images made by the counter RNG alone, without a drawing library.
ImageSet noise_images(std::int64_t count) {
  ImageSet set;
  set.height = set.width = 24;
  set.class_count = 2;
  CounterRng rng(RngKey(0, "noise images"));
  for (std::int64_t i = 0; i < count; ++i) {
    set.labels.push_back(static_cast<std::int32_t>(i % 2));
    const double base = rng.uniform(0, 200);
    for (int p = 0; p < 24 * 24 * 3; ++p)
      set.pixels.push_back(static_cast<std::uint8_t>(base + rng.below(56)));
  }
  return set;
}

std::vector<torch::Tensor> snapshot(Trainer& trainer) {
  std::vector<torch::Tensor> tensors;
  for (const auto& item : trainer.method().named_parameters())
    tensors.push_back(item.value().detach().clone());
  for (const auto& item : trainer.method().named_buffers()) tensors.push_back(item.value().clone());
  return tensors;
}

/// Trains three epochs, and the same stopped in the second and resumed by new trainers, as one
/// rank.
void expect_exact_resume(const Options& options, const ImageSet& images,
                         const std::filesystem::path& file, const ProcessGroup& ranks) {
  const auto ignore = [](std::int64_t, double) {};
  const auto make = [&](std::uint64_t seed) {
    return std::make_unique<Trainer>(make_method(options, seed), options, images, 4,
                                     rank_device(ranks.rank(), ranks.size()), 1, ranks);
  };
  const auto whole = make(4), paused = make(4);
  for (Trainer* trainer : {whole.get(), paused.get()}) {
    // Rank 0's choice is everybody's.
    if (method_of(options).uses<LcrOptions>())
      trainer->select_projections(ranks.rank() == 0 ? std::vector<std::int64_t>{0, 2}
                                                    : std::vector<std::int64_t>{});
    trainer->run_epoch(0, ignore, 100);
  }
  const EpochLog second = whole->run_epoch(1, ignore, 100);
  const EpochLog last = whole->run_epoch(2, ignore, 100);
  // Stopped after the first of three steps of the second epoch, on CUDA after the next, because the
  // last rank asks for it.
  const EpochLog begun =
      paused->run_epoch(1, ignore, 100, {}, [&] { return ranks.rank() == ranks.size() - 1; });
  const torch::Device device = rank_device(ranks.rank(), ranks.size());
  ASSERT_EQ(begun.steps, 1 + static_cast<std::int64_t>(StepReports::lag_on(device)));
  ASSERT_EQ(second.steps, 3);
  if (ranks.rank() == 0) paused->save(file, {"id", 1, begun.steps, "threads=1\n", "records"});

  // Weights of another seed, which must all be replaced; except with shuffling BN, which draws by
  // the method's own seed during training.
  const bool shuffles = options.get<MomentumContrastOptions>().key_bn_groups * ranks.size() > 1;
  const auto resumed = make(shuffles ? 4 : 99);
  CheckpointInfo info;
  if (ranks.rank() == 0) {
    info = resumed->load(file, "id");
    EXPECT_EQ(info.environment, "threads=1\n");
    EXPECT_EQ(info.progress, "records");
  }
  EXPECT_EQ(resumed->synchronise(info.epochs_done, info.steps_done),
            (std::pair<std::int64_t, std::int64_t>(1, begun.steps)));
  const EpochLog rest = resumed->run_epoch(1, ignore, 100, begun);
  EXPECT_EQ(rest.steps, second.steps);
  EXPECT_TRUE(agree(rest.loss(), second.loss())) << rest.loss() << " " << second.loss();
  ASSERT_EQ(rest.terms.size(), second.terms.size());
  for (std::size_t i = 0; i < rest.terms.size(); ++i) {
    EXPECT_EQ(rest.terms[i].name, second.terms[i].name);
    EXPECT_TRUE(agree(rest.terms[i].sum, second.terms[i].sum)) << rest.terms[i].name;
  }
  EXPECT_TRUE(agree(resumed->run_epoch(2, ignore, 100).loss(), last.loss()));
  const auto a = snapshot(*whole);
  const auto b = snapshot(*resumed);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i)
    // Running statistics are each rank's own: only rank 0's are kept.
    if (ranks.rank() == 0) EXPECT_TRUE(agree(a[i], b[i])) << i;
}

TEST(TrainingState, ResumingInTheMiddleOfAnEpochIsBitExact) {
  const ImageSet images = noise_images(20);
  const TemporaryFolder folder;
  for (const auto& options :
       {tiny_options({{"method", "moco_v2"}, {"epochs", "3"}}),
        tiny_options({{"method", "lcr"}, {"epochs", "3"}, {"variant", "authors_code"}}),
        tiny_options({{"method", "lcr"}, {"epochs", "3"}, {"key-bn-groups", "2"}}),
        tiny_options({{"method", "lcr"}, {"epochs", "3"}, {"ranks", "3"}}),
        tiny_options(
            {{"method", "moco_v2"}, {"epochs", "3"}, {"ranks", "2"}, {"symmetric", "yes"}}),
        tiny_options(
            {{"method", "byol_lcr"}, {"epochs", "3"}, {"head-hidden", "7"}, {"optimizer", "lars"}}),
        tiny_options({{"method", "byol"}, {"epochs", "3"}, {"head-hidden", "7"}, {"ranks", "3"}})})
    testing::run_ranks_on_test_device(
        static_cast<int>(options.get<BatchOptions>().ranks), [&](const ProcessGroup& ranks) {
          expect_exact_resume(options, images, folder / "state", ranks);
        });
}

// What --deterministic promises, on a GPU above all.
TEST(TrainingState, ResumingWithDeterministicOperationsIsBitExactOnEveryDevice) {
  struct Deterministic {
    Deterministic() {
      Options options;
      options.get<ExecutionOptions>().deterministic = true;
      configure_libtorch(options, at::get_num_threads());
    }
    ~Deterministic() {
      at::globalContext().setDeterministicAlgorithms(false, false);
      at::globalContext().setDeterministicCuDNN(false);
    }
  };
  const Deterministic deterministic;
  const ImageSet images = noise_images(18);
  const TemporaryFolder folder;
  for (const char* method : {"lcr", "byol_lcr", "simsiam"})
    for (const char* precision : {"float32", "bfloat16"}) {
      SCOPED_TRACE(std::string(method) + " " + precision);
      expect_exact_resume(
          tiny_options({{"method", method}, {"precision", precision}, {"head-hidden", "7"}}),
          images, folder / "state", {});
    }
}

TEST(TrainingState, AStoredStateEvaluatesAsTheTrainedOne) {
  const ImageSet images = noise_images(20);
  const TemporaryFolder folder;
  const Options options = tiny_options({{"method", "lcr"}});
  Trainer trained(make_method(options, 0), options, images, 0, test_device(), 1);
  Trainer stored(make_method(options, 1), options, images, 0, test_device(), 1);
  trained.run_epoch(
      0, [](std::int64_t, double) {}, 100);
  trained.method().gfb()->select({1});
  trained.save(folder / "state", {"id", 1, 0, "", ""});
  stored.load(folder / "state", "id");
  // Without a trainer, and without drawing what the file replaces.
  const auto alone = [&] {
    const SkipInitialisation skip;
    return make_method(options, 2);
  }();
  EXPECT_EQ(alone->named_buffers()["queue.keys"].abs().max().item<float>(), 0);
  prepare_for_training(*alone, test_device());
  load_method(*alone, folder / "state", "id");
  const auto features = [&](Method& method) {
    return extract_features({method.encoder(), method.gfb(), nullptr, options, test_device(), 1},
                            images, test_views(images, options), {"average", "attention"});
  };
  auto a = features(trained.method());
  auto b = features(stored.method());
  auto c = features(*alone);
  for (const char* pooling : {"average", "attention"}) {
    EXPECT_TRUE(agree(a[pooling], b[pooling])) << pooling;
    EXPECT_TRUE(agree(a[pooling], c[pooling])) << pooling;
  }
  for (const auto& [name, tensor] : named_tensors(trained.method()))
    EXPECT_TRUE(tensor.equal(named_tensors(*alone).at(name))) << name;
}

TEST(TrainingState, ForeignOrDamagedStatesAreRefused) {
  const ImageSet images = noise_images(20);
  const TemporaryFolder folder;
  const Options options = tiny_options({{"method", "lcr"}});
  const Options other = tiny_options({{"method", "lcr"}, {"projections", "4"}});
  Trainer trainer(make_method(options, 0), options, images, 0, test_device(), 1);
  Trainer wider(make_method(other, 0), other, images, 0, test_device(), 1);
  trainer.save(folder / "state", {"id", 1, 0, "", ""});
  expect_user_error([&] { trainer.load(folder / "state", "another"); }, "belongs to run");
  expect_user_error([&] { wider.load(folder / "state", "id"); }, "gfb");
  EXPECT_THROW(load_method(trainer.method(), folder / "state", "another"), ForeignCheckpoint);
  expect_user_error([&] { load_method(wider.method(), folder / "state", "id"); }, "gfb");
  expect_user_error([&] { trainer.load(folder / "absent", "id"); }, "absent");
  const auto before = snapshot(trainer);
  auto content = read_text(folder / "state");
  testing::write_bytes(folder / "cut", content.substr(0, content.size() - 9));
  expect_user_error([&] { trainer.load(folder / "cut", "id"); }, "cut");
  const auto after = snapshot(trainer);
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(before[i].equal(after[i]));
}

TEST(Fingerprint, TenStepsOfEveryMethodMatchTheRevision) {
  // What a run computes from seed 0 in ten float64 steps. If these numbers change, older runs are
  // not comparable: raise kNumericsRevision and replace the golden by the numbers that the test
  // prints.
  const std::string path = std::string(LCR_SOURCE_DIR) + "/tests/golden/fingerprints.json";
  const ImageSet images = noise_images(30);
  nlohmann::json actual = {{"numerics_revision", kNumericsRevision}};
  const std::pair<const char*, Options> cases[] = {
      {"moco_v2", tiny_options({{"method", "moco_v2"}})},
      {"moco_bilinear", tiny_options({{"method", "moco_bilinear"}})},
      {"authors_code", tiny_options({{"variant", "authors_code"}})},
      {"algorithm_a1", tiny_options({{"variant", "algorithm_a1"}})},
      {"algorithm_a1_rescaled", tiny_options({{"variant", "algorithm_a1_rescaled"}})},
      {"mlp", tiny_options({{"gfb", "mlp"}})},
      {"split_symmetric", tiny_options({{"key-bn-groups", "2"}, {"symmetric", "yes"}})},
      {"byol", tiny_options({{"method", "byol"}, {"head-hidden", "7"}})},
      {"byol_lcr", tiny_options({{"method", "byol_lcr"},
                                 {"head-hidden", "7"},
                                 {"variant", "authors_code"},
                                 {"optimizer", "lars"}})},
      {"simsiam", tiny_options({{"method", "simsiam"}, {"head-hidden", "7"}})},
      {"simsiam_lcr", tiny_options({{"method", "simsiam_lcr"}, {"head-hidden", "7"}})}};
  for (const auto& method : methods())
    EXPECT_TRUE(
        !method.is_self_supervised() ||
        std::any_of(std::begin(cases), std::end(cases),
                    [&](const auto& entry) { return method_of(entry.second).name == method.name; }))
        << method.name << " of method/specs.cpp has no fingerprint";
  for (const auto& [name, options] : cases) {
    const auto method = make_method(options, 0);
    method->to(test_device(), torch::kDouble);
    method->train();
    const auto optimizer = make_optimizer(*method, options);
    std::vector<double> losses;
    for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
      TwoViewLoader loader(images, options, 0, epoch, 1);
      for (std::int64_t i = 0; i < 5; ++i) {
        const auto batch = loader.next();
        const auto input = [&](const auto& view) {
          return to_input(view, 6, 24, test_device()).to(torch::kDouble);
        };
        const auto loss = take_step(*method, *optimizer,
                                    {.views = {input(batch.views[0]), input(batch.views[1])},
                                     .labels = {},
                                     .step = epoch * 5 + i},
                                    0.02);
        losses.push_back(loss.total.item<double>());
      }
    }
    actual[name] = losses;
  }
  std::ifstream in(path);
  ASSERT_TRUE(in) << path << " is missing; it should hold:\n" << actual.dump();
  const auto expected = nlohmann::json::parse(in);
  ASSERT_EQ(expected["numerics_revision"], kNumericsRevision)
      << "the fingerprints are of another revision; they should be:\n"
      << actual.dump();
  for (const auto& [name, options] : cases) {
    ASSERT_TRUE(expected.contains(name)) << name << " is missing; it should be:\n"
                                         << actual[name].dump();
    for (std::size_t i = 0; i < 10; ++i)
      EXPECT_NEAR(actual[name][i].get<double>(), expected[name][i].get<double>(),
                  1e-6 * std::abs(expected[name][i].get<double>()))
          << name << " step " << i << ": numerics changed without a new numerics_revision. Now:\n"
          << actual.dump();
  }
}

}  // namespace
}  // namespace lcr
