// k-nearest-neighbour classification, as self-supervised suites report it (Wu et al. 2018).
#pragma once

#include <torch/types.h>

namespace lcr {

/// In percent of the test images.
struct KnnScores {
  double top1 = 0, top5 = 0;
};

/// Each test image's k nearest training images (by dot product; unit length for cosine similarity)
/// vote for their class with weight exp(similarity / temperature); ties go to the lower class. k is
/// at most the number of training images. Features: M x D; labels: M, int64, below `classes`; all
/// on one device. Memory is bounded by `chunk` x training images. Throws UserError if features are
/// not finite or k is out of range.
KnnScores knn_classify(const torch::Tensor& train, const torch::Tensor& train_labels,
                       const torch::Tensor& test, const torch::Tensor& test_labels,
                       std::int64_t classes, std::int64_t k, double temperature,
                       std::int64_t chunk = 256);

}  // namespace lcr
