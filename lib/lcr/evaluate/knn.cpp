#include "lcr/evaluate/knn.h"

#include <algorithm>

#include "lcr/base/error.h"

namespace lcr {

KnnScores knn_classify(const torch::Tensor& train, const torch::Tensor& train_labels,
                       const torch::Tensor& test, const torch::Tensor& test_labels,
                       std::int64_t classes, std::int64_t k, double temperature,
                       std::int64_t chunk) {
  const torch::NoGradGuard no_grad;
  if (k < 1 || k > train.size(0))
    fail("kNN: k = {} is not between 1 and {}, the number of training images", k, train.size(0));
  if (!torch::isfinite(train).all().item<bool>() || !torch::isfinite(test).all().item<bool>())
    fail("kNN: some features are NaN or infinite");
  const torch::Tensor transposed = train.t();
  const std::int64_t shown = std::min<std::int64_t>(5, classes);
  double top1 = 0, top5 = 0;
  for (std::int64_t start = 0; start < test.size(0); start += chunk) {
    const std::int64_t here = std::min(chunk, test.size(0) - start);
    const auto [similarity, neighbour] = test.narrow(0, start, here).mm(transposed).topk(k, 1);
    // Relative to the nearest neighbour: vote ratios stay the same, and nothing overflows.
    const torch::Tensor vote =
        ((similarity - similarity.narrow(1, 0, 1)).to(torch::kDouble) / temperature).exp();
    const torch::Tensor votes =
        torch::zeros({here, classes}, vote.options())
            .scatter_add_(1, train_labels.index_select(0, neighbour.flatten()).view_as(neighbour),
                          vote);
    const torch::Tensor order =
        std::get<1>(votes.sort(/*stable=*/true, /*dim=*/1, /*descending=*/true))
            .narrow(1, 0, shown);
    const torch::Tensor hit = order.eq(test_labels.narrow(0, start, here).unsqueeze(1));
    top1 += hit.select(1, 0).sum().item<double>();
    top5 += hit.any(1).sum().item<double>();
  }
  const double percent = 100.0 / static_cast<double>(test.size(0));
  return {top1 * percent, top5 * percent};
}

}  // namespace lcr
