#include "lcr/evaluate/linear_probe.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "lcr/base/error.h"
#include "lcr/base/rng.h"
#include "lcr/base/signals.h"
#include "lcr/model/initialise.h"

namespace lcr {

namespace {

void require_finite(const torch::Tensor& features) {
  if (!torch::isfinite(features).all().item<bool>())
    fail("linear probe: some features are NaN or infinite");
}

}  // namespace

LinearProbe::LinearProbe(std::int64_t features, std::int64_t classes, const ProbeOptions& options,
                         std::uint64_t seed, const torch::Tensor& like)
    : options_(options),
      seed_(seed),
      classes_(classes),
      weight_((random_normal({features, classes}, seed, "linear probe") * 0.01).to(like.options())),
      bias_(torch::zeros({classes}, like.options())),
      weight_velocity_(torch::zeros_like(weight_)),
      bias_velocity_(torch::zeros_like(bias_)) {}

void LinearProbe::train_epoch(const torch::Tensor& features, const torch::Tensor& labels) {
  const torch::NoGradGuard no_grad;
  if (stop_requested())
    throw Interrupted("stopped by a signal during the linear probe; its results are discarded");
  require_finite(features);
  const std::int64_t count = labels.size(0);
  double lr = options_.lr;
  for (const auto milestone : options_.milestones)
    if (epoch_ >= milestone) lr /= 10;
  const auto order = random_permutation(
      CounterRng(RngKey(seed_, "linear probe order"), static_cast<std::uint32_t>(epoch_)), count);
  const torch::Tensor permutation = torch::tensor(order, torch::kLong).to(features.device());
  const torch::Tensor target = torch::one_hot(labels, classes_).to(features.scalar_type());
  for (std::int64_t start = 0; start < count; start += options_.batch_size) {
    const torch::Tensor rows =
        permutation.narrow(0, start, std::min(options_.batch_size, count - start));
    const torch::Tensor x = features.index_select(0, rows);
    // The gradient of the mean cross-entropy, in closed form: x^T (softmax(x W + b) - y) / n.
    const torch::Tensor error =
        (torch::addmm(bias_, x, weight_).softmax(1) - target.index_select(0, rows)) / rows.size(0);
    weight_velocity_.mul_(options_.momentum)
        .addmm_(x.t(), error)
        .add_(weight_, options_.weight_decay);
    bias_velocity_.mul_(options_.momentum).add_(error.sum(0)).add_(bias_, options_.weight_decay);
    weight_.sub_(weight_velocity_, lr);
    bias_.sub_(bias_velocity_, lr);
  }
  ++epoch_;
  if (!torch::isfinite(weight_).all().item<bool>())
    fail(
        "linear probe: the weights are no longer finite after epoch {}; lower the learning rate "
        "(now {})",
        epoch_, options_.lr);
}

void LinearProbe::test(const torch::Tensor& features, const torch::Tensor& labels) {
  const torch::NoGradGuard no_grad;
  require_finite(features);
  const torch::Tensor best = std::get<1>(
      torch::addmm(bias_, features, weight_).topk(std::min<std::int64_t>(5, classes_), 1));
  const torch::Tensor hit = best.eq(labels.unsqueeze(1));
  const double percent = 100.0 / static_cast<double>(features.size(0));
  scores_.last_top1 = hit.select(1, 0).sum().item<double>() * percent;
  scores_.last_top5 = hit.any(1).sum().item<double>() * percent;
  if (scores_.best_epoch == 0 || scores_.last_top1 > scores_.best_top1) {
    scores_.best_top1 = scores_.last_top1;
    scores_.best_top5 = scores_.last_top5;
    scores_.best_epoch = epoch_;
  }
}

ProbeScores linear_probe(const torch::Tensor& train, const torch::Tensor& train_labels,
                         const torch::Tensor& test, const torch::Tensor& test_labels,
                         std::int64_t classes, const ProbeOptions& options, std::uint64_t seed) {
  LinearProbe probe(train.size(1), classes, options, seed, train);
  for (std::int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    probe.train_epoch(train, train_labels);
    probe.test(test, test_labels);
  }
  return probe.scores();
}

std::vector<std::int64_t> stratified_share(const std::vector<std::int64_t>& labels, double share,
                                           std::uint64_t seed) {
  if (!(share > 0 && share <= 1)) fail("label share of {} is not in (0, 1]", share);
  std::map<std::int64_t, std::vector<std::int64_t>> members;
  for (std::size_t i = 0; i < labels.size(); ++i)
    members[labels[i]].push_back(static_cast<std::int64_t>(i));
  std::vector<std::int64_t> chosen;
  for (const auto& [label, indices] : members) {
    const auto size = static_cast<std::int64_t>(indices.size());
    const std::int64_t wanted =
        std::max<std::int64_t>(1, std::llround(share * static_cast<double>(size)));
    const auto order = random_permutation(
        CounterRng(RngKey(seed, "label share"), static_cast<std::uint32_t>(label)), size);
    for (std::int64_t i = 0; i < wanted; ++i)
      chosen.push_back(indices[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace lcr
