#include "lcr/evaluate/linear_probe.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "lcr/base/error.h"
#include "lcr/base/rng.h"
#include "lcr/base/signals.h"
#include "lcr/model/initialise.h"

namespace lcr {

ProbeScores linear_probe(const ProbeFeatures& train, const torch::Tensor& train_labels, const torch::Tensor& test, const torch::Tensor& test_labels, std::int64_t classes,
                         const ProbeOptions& options, std::uint64_t seed) {
  const torch::NoGradGuard no_grad;
  const std::int64_t count = train_labels.size(0), shown = std::min<std::int64_t>(5, classes);
  const auto require_finite = [](const torch::Tensor& features) {
    if (!torch::isfinite(features).all().item<bool>()) fail("linear probe: there are features that are NaN or infinite");
  };
  require_finite(test);
  torch::Tensor weight = (random_normal({test.size(1), classes}, seed, "linear probe") * 0.01).to(test.options());
  torch::Tensor bias = torch::zeros({classes}, test.options());
  torch::Tensor weight_velocity = torch::zeros_like(weight), bias_velocity = torch::zeros_like(bias);
  const torch::Tensor target = torch::one_hot(train_labels, classes).to(test.scalar_type());
  ProbeScores scores;
  for (std::int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    if (stop_requested()) throw Interrupted("stopped by a signal during the linear probe; nothing of it is kept");
    const torch::Tensor features = train(epoch);
    require_finite(features);
    double lr = options.lr;
    for (const auto milestone : options.milestones)
      if (epoch >= milestone) lr /= 10;
    const auto order = random_permutation(CounterRng(RngKey(seed, "linear probe order"), static_cast<std::uint32_t>(epoch)), count);
    const torch::Tensor permutation = torch::tensor(order, torch::kLong).to(test.device());
    for (std::int64_t start = 0; start < count; start += options.batch_size) {
      const torch::Tensor rows = permutation.narrow(0, start, std::min(options.batch_size, count - start));
      const torch::Tensor x = features.index_select(0, rows);
      // The gradient of the mean cross-entropy, in closed form: x^T (softmax(x W + b) - y) / n.
      const torch::Tensor error = (torch::addmm(bias, x, weight).softmax(1) - target.index_select(0, rows)) / rows.size(0);
      weight_velocity.mul_(options.momentum).addmm_(x.t(), error).add_(weight, options.weight_decay);
      bias_velocity.mul_(options.momentum).add_(error.sum(0)).add_(bias, options.weight_decay);
      weight.sub_(weight_velocity, lr);
      bias.sub_(bias_velocity, lr);
    }
    if (!torch::isfinite(weight).all().item<bool>()) fail("linear probe: the weights are no longer finite after epoch {}: lower its learning rate of {}", epoch + 1, options.lr);
    const torch::Tensor best = std::get<1>(torch::addmm(bias, test, weight).topk(shown, 1));
    const torch::Tensor hit = best.eq(test_labels.unsqueeze(1));
    const double percent = 100.0 / static_cast<double>(test.size(0));
    scores.last_top1 = hit.select(1, 0).sum().item<double>() * percent;
    scores.last_top5 = hit.any(1).sum().item<double>() * percent;
    if (epoch == 0 || scores.last_top1 > scores.best_top1) {
      scores.best_top1 = scores.last_top1;
      scores.best_top5 = scores.last_top5;
      scores.best_epoch = epoch + 1;
    }
  }
  return scores;
}

std::vector<std::int64_t> stratified_share(const std::vector<std::int64_t>& labels, double share, std::uint64_t seed) {
  if (!(share > 0 && share <= 1)) fail("a share of {} of the labels is not above 0 and at most 1", share);
  std::map<std::int64_t, std::vector<std::int64_t>> members;
  for (std::size_t i = 0; i < labels.size(); ++i) members[labels[i]].push_back(static_cast<std::int64_t>(i));
  std::vector<std::int64_t> chosen;
  for (const auto& [label, indices] : members) {
    const auto size = static_cast<std::int64_t>(indices.size());
    const std::int64_t wanted = std::max<std::int64_t>(1, std::llround(share * static_cast<double>(size)));
    const auto order = random_permutation(CounterRng(RngKey(seed, "label share"), static_cast<std::uint32_t>(label)), size);
    for (std::int64_t i = 0; i < wanted; ++i) chosen.push_back(indices[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace lcr
