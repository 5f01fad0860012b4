#include "lcr/evaluate/retrieval.h"

#include <limits>

#include "lcr/base/error.h"

namespace lcr {

RetrievalScores leave_one_out_retrieval(const torch::Tensor& features, const torch::Tensor& labels, std::int64_t chunk) {
  const torch::NoGradGuard no_grad;
  const std::int64_t count = features.size(0);
  check_internal(count >= 2 && labels.size(0) == count, "retrieval needs at least two labelled images");
  const auto doubles = torch::TensorOptions().dtype(torch::kDouble).device(features.device());
  torch::Tensor sums = torch::zeros({3}, doubles);
  const torch::Tensor rank = torch::arange(1, count, doubles);  // 1 .. M-1
  for (std::int64_t start = 0; start < count; start += chunk) {
    const std::int64_t queries = std::min(chunk, count - start);
    torch::Tensor similarity = features.narrow(0, start, queries).mm(features.t());
    // The query itself goes to the end of its list, where it is cut off.
    similarity.diagonal(start).fill_(-std::numeric_limits<double>::infinity());
    const torch::Tensor order = std::get<1>(similarity.sort(/*stable=*/true, /*dim=*/1, /*descending=*/true)).narrow(1, 0, count - 1);
    const torch::Tensor hit = labels.index_select(0, order.flatten()).view_as(order).eq(labels.narrow(0, start, queries).unsqueeze(1)).to(torch::kDouble);
    const torch::Tensor precision = hit.cumsum(1) / rank;
    const torch::Tensor average_precision = (precision * hit).sum(1) / hit.sum(1).clamp_min(1);
    sums += torch::stack({hit.select(1, 0).sum(), hit.narrow(1, 0, std::min<std::int64_t>(5, count - 1)).amax(1).sum(), average_precision.sum()});
  }
  const torch::Tensor percent = (sums * (100.0 / static_cast<double>(count))).cpu();
  return {percent[0].item<double>(), percent[1].item<double>(), percent[2].item<double>()};
}

}  // namespace lcr
