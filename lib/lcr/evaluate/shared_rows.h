// Rows that the ranks of a run compute in shares.
#pragma once

#include <cstdint>

#include <torch/types.h>

#include "lcr/method/process_group.h"

namespace lcr {

/// The rows [first, last) of a rank.
struct Share {
  std::int64_t first, last;
  std::int64_t count() const { return last - first; }
};

/// The share of a rank of `rows`: whole batches, so that each is computed as one process does it,
/// and as even as they can be. 0 <= rank < ranks; batch >= 1.
Share share_of(std::int64_t rank, std::int64_t ranks, std::int64_t rows, std::int64_t batch);

/// The rows of all ranks' shares, in order, on every rank; all call it together. own: this rank's
/// share, rows x D, and maybe more rows.
torch::Tensor gather_rows(const torch::Tensor& own, std::int64_t rows, std::int64_t batch,
                          const ProcessGroup& ranks);

}  // namespace lcr
