#include "lcr/evaluate/shared_rows.h"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>

namespace lcr {

Share share_of(std::int64_t rank, std::int64_t ranks, std::int64_t rows, std::int64_t batch) {
  const std::int64_t batches = (rows + batch - 1) / batch;
  const auto start = [&](std::int64_t i) { return std::min(i * batches / ranks * batch, rows); };
  return {start(rank), start(rank + 1)};
}

torch::Tensor gather_rows(const torch::Tensor& own, std::int64_t rows, std::int64_t batch,
                          const ProcessGroup& ranks) {
  if (ranks.size() == 1) return own;
  const auto count_of = [&](std::int64_t rank) {
    return share_of(rank, ranks.size(), rows, batch).count();
  };
  std::int64_t longest = 0;  // all messages of a gather have one size
  for (int rank = 0; rank < ranks.size(); ++rank) longest = std::max(longest, count_of(rank));
  const std::int64_t count = count_of(ranks.rank());
  torch::Tensor message = torch::zeros({longest, own.size(1)}, own.options());
  message.narrow(0, 0, count).copy_(own.narrow(0, 0, count));
  const torch::Tensor all = ranks.all_gather(message);
  std::vector<torch::Tensor> parts;
  for (int rank = 0; rank < ranks.size(); ++rank)
    parts.push_back(all.narrow(0, rank * longest, count_of(rank)));
  return torch::cat(parts);
}

}  // namespace lcr
