// Image retrieval. The paper's first protocol is leave-one-out: every image of the test split
// queries all others.
#pragma once

#include <vector>

#include <torch/types.h>

namespace lcr {

/// In percent.
struct RetrievalScores {
  double rank1 = 0;  ///< queries whose nearest neighbour has their class
  double rank5 = 0;  ///< queries with at least one image of their class among the five nearest
  double mean_average_precision = 0;  ///< over the full ranked list
  std::vector<double> rank;  ///< rank[k - 1]: at least one image of their class among the k
                             ///< nearest, for k up to kMaxRank
  std::int64_t without_match =
      0;  ///< queries whose class nothing else has; they count 0 everywhere
};

inline constexpr std::int64_t kMaxRank = 50;

/// Ranks by dot product; features: M x D, unit length for cosine similarity; labels: M, int64; same
/// device. A query is never its own result. Ties go to the lower index. Memory is bounded by
/// `chunk` x M similarities at a time. Throws UserError on fewer than two images or features that
/// are not finite.
RetrievalScores leave_one_out_retrieval(const torch::Tensor& features, const torch::Tensor& labels,
                                        std::int64_t chunk = 256);

/// The same with queries (Q x D) apart from the gallery (G x D) that they search.
RetrievalScores query_gallery_retrieval(const torch::Tensor& queries,
                                        const torch::Tensor& query_labels,
                                        const torch::Tensor& gallery,
                                        const torch::Tensor& gallery_labels,
                                        std::int64_t chunk = 256);

}  // namespace lcr
