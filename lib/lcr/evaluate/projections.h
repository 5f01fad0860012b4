// Which of the GFB's projections matter: their variance (supplement B) and Figure B2's subsets.
#pragma once

#include <vector>

#include <torch/types.h>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/evaluate/features.h"
#include "lcr/method/lcr_options.h"

namespace lcr {

/// Variance of each rectified projection over the positions of an image, averaged over the images
/// (test views, evaluation mode): K doubles on the CPU, of all projections, selected or not.
torch::Tensor projection_variance(const EvaluatedNetwork& network, const ImageSet& images);

/// The projections by descending variance; ties go to the lower index.
std::vector<std::int64_t> rank_projections(const torch::Tensor& variance);

/// The projections that options.get<SubsetOptions>().subset keeps, given all variances:
/// "top_variance", the subset_size highest; "random", subset_size of those that are not among the
/// subset_size highest, drawn by the seed and subset_seed. Sorted by index.
std::vector<std::int64_t> choose_projections(const torch::Tensor& variance, const Options& options,
                                             std::uint64_t seed);

}  // namespace lcr
