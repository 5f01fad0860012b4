// Image retrieval. The paper's first protocol is leave-one-out: every image of the test split
// queries all others.
#pragma once

#include <vector>

#include <torch/types.h>

#include "lcr/method/process_group.h"

namespace lcr {

/// In percent.
struct RetrievalScores {
  double rank1 = 0;  ///< queries whose nearest neighbour has their class
  double rank5 = 0;  ///< queries with at least one image of their class among the five nearest
  double mean_average_precision = 0;  ///< over the full ranked list
  /// rank[k - 1]: queries with an image of their class among the k nearest, for k up to kMaxRank.
  std::vector<double> rank;
  /// Number of queries with no other image of their class; they score 0 everywhere.
  std::int64_t without_match = 0;
};

inline constexpr std::int64_t kMaxRank = 50;
/// Queries that are ranked together.
inline constexpr std::int64_t kQueryChunk = 256;

/// Ranks by dot product. features: M x D, unit length for cosine similarity; labels: M, int64; same
/// device. A query is never its own result. Ties go to the lower index. Memory is bounded by
/// `chunk` x M similarities. Several ranks that have the same features share the queries, in whole
/// chunks: all call it together, and get the scores of one. Throws UserError on fewer than two
/// images or non-finite features.
RetrievalScores leave_one_out_retrieval(const torch::Tensor& features, const torch::Tensor& labels,
                                        std::int64_t chunk = kQueryChunk,
                                        const ProcessGroup& ranks = {});

}  // namespace lcr
