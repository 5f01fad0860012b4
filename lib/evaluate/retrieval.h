// Leave-one-out image retrieval, the paper's first protocol: every image of the test split queries all others.
#pragma once

#include <torch/types.h>

namespace lcr {

/// In percent.
struct RetrievalScores {
  double rank1 = 0;                   ///< queries whose nearest neighbour has their class
  double rank5 = 0;                   ///< queries with at least one image of their class among the five nearest
  double mean_average_precision = 0;  ///< over the full ranked list
};

/// Ranks by dot product; features: M x D, unit length for cosine similarity; labels: M, int64; same device. A query is never its
/// own result. Ties go to the lower index. A query whose class has no other image counts 0 everywhere. Memory is bounded by
/// `chunk` x M similarities at a time.
RetrievalScores leave_one_out_retrieval(const torch::Tensor& features, const torch::Tensor& labels, std::int64_t chunk = 256);

}  // namespace lcr
