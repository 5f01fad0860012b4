#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/config/lists.h"
#include "lcr/evaluate/linear_probe.h"
#include "lcr/evaluate/poolings.h"
#include "lcr/evaluate/probe_spec.h"
#include "lcr/evaluate/protocol.h"

namespace lcr {
namespace {

/// One classifier in training.
struct Running {
  std::string pooling, detail;
  torch::Tensor rows, labels;  ///< the training images that it sees
  LinearProbe probe;
};

const ProbeProtocolOptions& probe_of(const EvaluationContext& context) {
  return context.options.get<ProbeProtocolOptions>();
}

/// The poolings on which a classifier can be trained.
std::vector<std::string> trained_poolings(const EvaluationContext& context) {
  std::vector<std::string> names;
  for (const auto& [pooling, unused] : context.test) names.push_back(pooling);
  if (context.network) names = without_test_only(std::move(names));
  if (names.empty())
    fail("probe: none of the poolings '{}' can be trained on",
         context.options.get<ProtocolOptions>().poolings);
  return names;
}

/// The training images of a probe with a share of the labels. Records them.
std::vector<std::int64_t> choose_images(const EvaluationContext& context, double share) {
  const auto& labels = context.data.train.labels;
  auto chosen = stratified_share({labels.begin(), labels.end()}, share, context.seed);
  std::string lines;
  for (const auto i : chosen) lines += fmt::format("{}\n", i);
  write_atomic(context.directory / fmt::format("labels-{}.txt", format_number(share)), lines);
  return chosen;
}

/// One classifier for each share of the labels, learning rate and pooling.
std::vector<Running> make_probes(const EvaluationContext& context,
                                 const std::vector<std::string>& poolings) {
  const auto& options = probe_of(context);
  const std::int64_t epochs = options.probe_epochs;
  const torch::Tensor labels = context.labels(context.data.train);
  std::vector<Running> probes;
  for (const double share : parse_numbers("label-shares", options.label_shares, 1e-9, 1)) {
    const torch::Tensor rows =
        torch::tensor(choose_images(context, share), torch::kLong).to(context.device);
    for (const double lr : parse_numbers("probe-lr", options.probe_lr, 1e-9, 1e6))
      for (const auto& pooling : poolings) {
        const torch::Tensor& like = context.test.at(pooling);
        probes.push_back({.pooling = pooling,
                          .detail = fmt::format("label-share={};probe-lr={}", format_number(share),
                                                format_number(lr)),
                          .rows = rows,
                          .labels = labels.index_select(0, rows),
                          .probe = LinearProbe(like.size(1), context.data.train.class_count,
                                               {.epochs = epochs,
                                                .batch_size = options.probe_batch_size,
                                                .lr = lr,
                                                .milestones = {epochs * 6 / 10, epochs * 8 / 10}},
                                               context.seed, like)});
      }
  }
  return probes;
}

/// Trains all probes together, epoch by epoch, because they share each epoch's features.
void run_probe(EvaluationContext& context) {
  const auto& options = probe_of(context);
  const bool cached = options.probe == "cached";
  const torch::Tensor test_labels = context.labels(context.data.test);
  const auto poolings = trained_poolings(context);
  auto probes = make_probes(context, poolings);
  for (std::int64_t epoch = 0; epoch < options.probe_epochs; ++epoch) {
    const PooledFeatures drawn =
        cached
            ? PooledFeatures{}
            : extract_features(
                  *context.network, context.data.train,
                  probe_views(context.data.train, context.options, context.seed, epoch), poolings);
    const PooledFeatures& features = cached ? context.train : drawn;
    for (auto& running : probes) {
      running.probe.train_epoch(features.at(running.pooling).index_select(0, running.rows),
                                running.labels);
      running.probe.test(context.test.at(running.pooling), test_labels);
    }
    context.advance(fmt::format("probe epoch {}/{} top-1 {:.2f}", epoch + 1, options.probe_epochs,
                                probes.front().probe.scores().last_top1));
  }
  const std::string name = cached ? "cached_probe" : "probe";
  for (const auto& running : probes) {
    const ProbeScores& scores = running.probe.scores();
    context.add(running.pooling, name + "_top1", running.detail, scores.last_top1);
    context.add(running.pooling, name + "_top5", running.detail, scores.last_top5);
    context.add(running.pooling, name + "_top1_best", running.detail, scores.best_top1);
    context.add(running.pooling, name + "_top5_best", running.detail, scores.best_top5);
  }
}

void check_probe(const Options& options, std::int64_t) {
  const auto& probe = options.get<ProbeProtocolOptions>();
  parse_numbers("probe-lr", probe.probe_lr, 1e-9, 1e6);
  parse_numbers("label-shares", probe.label_shares, 1e-9, 1);
}

}  // namespace

ProtocolProgram probe_program() {
  return {.name = "probe",
          .run = run_probe,
          .needs_train =
              [](const Options& o) { return o.get<ProbeProtocolOptions>().probe == "cached"; },
          .steps = [](const Options& o) { return o.get<ProbeProtocolOptions>().probe_epochs; },
          .check = check_probe};
}

}  // namespace lcr
