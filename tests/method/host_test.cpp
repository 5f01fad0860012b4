// LCR on a host that it does not know, with batches of more than two views.
#include "lcr/method/host.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/method/gradcam.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr.h"
#include "lcr/model/weights.h"
#include "lcr/train/step.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

using testing::tiny_batch;
using testing::tiny_options;

/// DINO (Caron et al. 2021) without its centring: the student sees every view but the global one
/// that the teacher sees, and fits the teacher's distribution. Batches have two global views, then
/// any number of local ones.
class MultiCrop : public Host {
 public:
  MultiCrop(const Options& options, std::uint64_t seed)
      : Host(options, seed),
        student_(register_module("student", make_encoder(options, seed))),
        teacher_(register_module("teacher", make_encoder(options, seed))) {
    for (auto& parameter : teacher_->parameters()) parameter.requires_grad_(false);
  }
  int directions() const override { return 2; }
  Objective objective(const Batch& batch, int direction) override {
    const auto key = static_cast<std::size_t>(direction), query = 1 - key;
    torch::Tensor target;
    {
      const torch::NoGradGuard no_grad;
      target = (teacher_(batch.views.at(key)).embedding / 0.04).softmax(1);
    }
    Objective objective{.loss = {"dino_loss", torch::zeros({}, target.options())}};
    for (std::size_t view = 0; view < batch.views.size(); ++view) {
      if (view == key) continue;
      const auto [feature_map, embedding] = student_(batch.views[view]);
      const torch::Tensor match = (target * (embedding / 0.1).log_softmax(1)).sum(1, true);
      objective.loss.value = objective.loss.value - match.mean();
      if (view != query) continue;
      objective.feature_map = feature_map;
      objective.positive = match;
    }
    return objective;
  }
  std::vector<torch::Tensor> trained_parameters() override { return student_->parameters(); }
  MovingAverages moving_averages() override {
    return {teacher_->parameters(), student_->parameters(),
            options_.get<MovingAverageOptions>().key_momentum};
  }
  Encoder& encoder() override { return student_; }

 private:
  Encoder student_, teacher_;
};

/// Two global views of 24 pixels and three local ones of 16.
Batch multi_crop_batch(std::int64_t step = 0) {
  Batch batch{{tiny_batch("a"), tiny_batch("b")}, {}, step};
  for (const char* name : {"c", "d", "e"})
    batch.views.push_back(tiny_batch(name).narrow(2, 0, 16).narrow(3, 0, 16));
  return batch;
}

TEST(Host, TakesAnyNumberOfViews) {
  const Options options = tiny_options({{"method", "moco_v2"}, {"key-momentum", "0.9"}});
  MultiCrop method(options, 0);
  Sgd sgd(method.trained_parameters(), 0.9, 0, method.moving_averages());
  const torch::Tensor teacher = method.named_parameters()["teacher.head.2.weight"];
  const torch::Tensor before = teacher.clone();
  const StepLoss loss = take_step(method, sgd, multi_crop_batch(), 0.1);
  ASSERT_EQ(loss.terms.size(), 1U);
  EXPECT_EQ(loss.terms[0].name, "dino_loss");
  EXPECT_TRUE(loss.terms[0].value.equal(loss.total));
  EXPECT_FALSE(teacher.equal(before)) << "it follows the student";
  Batch global = multi_crop_batch(1);
  global.views.resize(2);
  // A view in each of two directions less is that much less to fit.
  EXPECT_LT(3 * method.step(global).total.item<float>(),
            method.step(multi_crop_batch(1)).total.item<float>());
}

TEST(Lcr, WorksOnAnyHost) {
  const Options options =
      tiny_options({{"method", "lcr"}, {"nu", "1"}, {"variant", "authors_code"}});
  Lcr method(std::make_shared<MultiCrop>(options, 0), options, 0);
  Sgd sgd(method.trained_parameters(), 0.9, 0, method.moving_averages());
  const StepLoss loss = take_step(method, sgd, multi_crop_batch(), 0.1);
  ASSERT_EQ(loss.terms.size(), 2U);
  EXPECT_EQ(loss.terms[0].name, "dino_loss");
  EXPECT_EQ(loss.terms[1].name, kKlLoss);
  EXPECT_NEAR(loss.total.item<double>(), (loss.terms[0].value + loss.terms[1].value).item<double>(),
              1e-4);
  EXPECT_EQ(loss.mask.sizes(), (std::vector<std::int64_t>{6, 3, 3}));
  EXPECT_EQ(loss.target.sizes(), loss.mask.sizes());
  for (const auto& item : method.named_parameters())
    EXPECT_EQ(item.value().grad().defined(), !item.key().starts_with("teacher.")) << item.key();
  const torch::Tensor cam = objective_cam(*method.host(), multi_crop_batch(), "positive_logit");
  EXPECT_EQ(cam.sizes(), loss.mask.sizes());
}

TEST(Lcr, HoldsTheHostsTensorsUnderTheirNames) {
  const auto names = [](const torch::nn::Module& module) {
    std::vector<std::string> all;
    for (const auto& item : module.named_parameters()) all.push_back(item.key());
    for (const auto& item : module.named_buffers()) all.push_back(item.key());
    return all;
  };
  for (const auto& [host, lcr] : {std::pair("moco_v2", "lcr"), std::pair("byol", "byol_lcr")}) {
    const auto of_host = names(*make_method(tiny_options({{"method", host}}), 0));
    const auto method = make_method(tiny_options({{"method", lcr}}), 0);
    std::vector<std::string> without_branch, branch;
    for (const auto& name : names(*method))
      (name.starts_with("gfb.") ? branch : without_branch).push_back(name);
    EXPECT_EQ(without_branch, of_host) << lcr;
    EXPECT_EQ(branch,
              (std::vector<std::string>{"gfb.conv.weight", "gfb.bn.weight", "gfb.bn.bias",
                                        "gfb.selection", "gfb.bn.running_mean",
                                        "gfb.bn.running_var", "gfb.bn.num_batches_tracked"}));
    EXPECT_EQ(method->named_parameters().keys().back(), "gfb.bn.bias") << "the branch comes last";
    // The host follows the mode.
    method->eval();
    EXPECT_FALSE(method->host()->is_training());
  }
}

}  // namespace
}  // namespace lcr
