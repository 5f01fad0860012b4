// What holds for every method, backbone and pooling of the lists.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/evaluate/poolings.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/method/catalogue.h"
#include "lcr/model/backbones.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

using testing::tiny_options;

/// Expects that the weights of make(seed) are drawn from the seed alone, all of them but the
/// constants of batch norm (SimSiam's fixed parameters are such).
void expect_drawn(
    const std::function<std::shared_ptr<torch::nn::Module>(std::uint64_t seed)>& make) {
  const auto one = make(0), same = make(0), other = make(1);
  const auto same_parameters = same->named_parameters(),
             other_parameters = other->named_parameters();
  const auto same_buffers = same->named_buffers();
  for (const auto& owner : one->named_modules()) {
    const bool is_constant = owner.value()->as<SplitBatchNormImpl>() != nullptr;
    const std::string prefix = owner.key().empty() ? "" : owner.key() + ".";
    for (const auto& own : owner.value()->named_parameters(/*recurse=*/false)) {
      const std::string name = prefix + own.key();
      EXPECT_TRUE(own.value().equal(same_parameters[name])) << name;
      EXPECT_EQ(own.value().equal(other_parameters[name]), is_constant) << name;
    }
    for (const auto& own : owner.value()->named_buffers(/*recurse=*/false))
      EXPECT_TRUE(own.value().equal(same_buffers[prefix + own.key()])) << prefix + own.key();
  }
}

TEST(Methods, AreMadeFromTheSeedAlone) {
  int trainers = 0;
  for (const auto& spec : methods()) {
    if (!spec.trains()) continue;
    SCOPED_TRACE(spec.name);
    ++trainers;
    const Options options = tiny_options({{"method", spec.name.c_str()}, {"head-hidden", "7"}});
    expect_drawn([&](std::uint64_t seed) { return make_method(options, seed, /*classes=*/3); });
    const auto method = make_method(options, 0, 3);
    EXPECT_EQ(method->host() != nullptr, spec.is_self_supervised());
    EXPECT_EQ(!method->gfb().is_empty(), spec.uses<LcrOptions>());
    EXPECT_FALSE(method->trained_parameters().empty());
  }
  EXPECT_GE(trainers, 8);
}

TEST(Methods, WithoutAFactoryNameTheList) {
  // In a process of its own: the registered method would stay in the list.
  EXPECT_EXIT(
      {
        const RegisteredMethod registered({.name = "orphan", .kind = MethodKind::kHost});
        for (const char* name : {"orphan", "orphan_lcr"}) {
          Options options;
          options.get<MethodOptions>().method = name;
          try {
            make_method(options, 0);
          } catch (const std::logic_error& e) {
            std::fprintf(stderr, "%s: %s;", name, e.what());
          }
        }
        std::exit(0);
      },
      ::testing::ExitedWithCode(0),
      "orphan: .*method/catalogue.cpp;orphan_lcr: .*method/catalogue.cpp;");
}

class Backbones : public ::testing::TestWithParam<std::string> {};

TEST_P(Backbones, AreMadeFromTheSeedAlone) {
  const Options options = tiny_options({{"method", "untrained"}, {"arch", GetParam().c_str()}});
  expect_drawn([&](std::uint64_t seed) { return make_encoder(options, seed)->backbone(); });
}

INSTANTIATE_TEST_SUITE_P(All, Backbones, ::testing::ValuesIn(names_of(backbones())),
                         [](const auto& each) { return each.param; });

TEST(Backbone, WithoutAFactoryNamesTheList) {
  EXPECT_EXIT(
      {
        const RegisteredBackboneSpec registered({.name = "orphan"});
        Options options;
        options.get<ArchOptions>().arch = "orphan";
        try {
          make_backbone(options);
        } catch (const std::logic_error& e) {
          std::fprintf(stderr, "%s", e.what());
        }
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "model/backbone.cpp");
}

TEST(Poolings, HaveAnEntryForEveryName) {
  std::vector<std::string> names;
  for (const auto& pooling : poolings()) names.push_back(pooling.name);
  EXPECT_EQ(names, pooling_names());
}

TEST(Poolings, WithoutAnEntryNameTheList) {
  EXPECT_EXIT(
      {
        const RegisteredPoolingName registered("orphan");
        try {
          find_pooling("orphan");
        } catch (const std::logic_error& e) {
          std::fprintf(stderr, "%s", e.what());
        }
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "evaluate/poolings.cpp");
}

}  // namespace
}  // namespace lcr
