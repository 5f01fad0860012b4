#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/config/lists.h"
#include "lcr/evaluate/knn.h"
#include "lcr/evaluate/knn_spec.h"
#include "lcr/evaluate/protocol.h"

namespace lcr {
namespace {

/// Of the default numbers of neighbours, those are left out that the training set is too small for.
bool is_default(const KnnOptions& options) {
  return options.knn_neighbours == KnnOptions().knn_neighbours;
}

/// The numbers of neighbours that vote.
std::vector<std::int64_t> knn_neighbours(const KnnOptions& options, std::int64_t images) {
  std::vector<std::int64_t> fitting;
  for (const double k : parse_numbers("knn-neighbours", options.knn_neighbours, 1, 1e9)) {
    if (k <= static_cast<double>(images))
      fitting.push_back(static_cast<std::int64_t>(k));
    else
      say("kNN with k = {} is left out: there are only {} training images (default of "
          "--knn-neighbours: {})\n",
          k, images, options.knn_neighbours);
  }
  return fitting;
}

void run_knn(EvaluationContext& context) {
  const auto neighbours =
      knn_neighbours(context.options.get<KnnOptions>(), context.data.train.count());
  const torch::Tensor train_labels = context.labels(context.data.train);
  const torch::Tensor test_labels = context.labels(context.data.test);
  for (const auto& [pooling, x] : context.train)
    for (const std::int64_t k : neighbours) {
      const KnnScores scores = knn_classify(x, train_labels, context.test.at(pooling), test_labels,
                                            context.data.train.class_count, k,
                                            context.options.get<KnnOptions>().knn_temperature);
      const std::string detail = fmt::format("knn-neighbours={}", k);
      context.add(pooling, "knn_top1", detail, scores.top1);
      context.add(pooling, "knn_top5", detail, scores.top5);
    }
}

void check_knn(const Options& options, std::int64_t images) {
  const auto& knn = options.get<KnnOptions>();
  for (const double k : parse_numbers("knn-neighbours", knn.knn_neighbours, 1, 1e9)) {
    if (k != static_cast<double>(static_cast<std::int64_t>(k)))
      fail("knn-neighbours = '{}': {} is not a whole number", knn.knn_neighbours, k);
    if (k > static_cast<double>(images) && !is_default(knn))
      fail(
          "knn-neighbours = '{}': k = {} is not 1 to {}, the number of training images; choose "
          "fewer with --knn-neighbours",
          knn.knn_neighbours, k, images);
  }
}

}  // namespace

ProtocolProgram knn_program() {
  return {.name = "knn",
          .run = run_knn,
          .needs_train = [](const Options&) { return true; },
          .check = check_knn};
}

}  // namespace lcr
