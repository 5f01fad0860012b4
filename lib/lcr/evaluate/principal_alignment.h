// Supplement B likens the projections of highest variance to the top eigenvectors of a principal
// component analysis: how alike are they?
#pragma once

#include <cstdint>
#include <vector>

#include "lcr/data/image_set.h"
#include "lcr/evaluate/features.h"

namespace lcr {

/// Of the feature map's C-dimensional vectors at all positions of all images (test views).
struct PrincipalAlignment {
  std::int64_t channels = 0;  ///< C
  std::int64_t directions =
      0;  ///< m: projections taken from either end of the ranking, and principal components
  std::vector<double>
      angles;  ///< the m principal angles between the span of the top-m projections' weights and
               ///< that of the top-m components, in degrees, ascending
  double top = 0, bottom = 0;  ///< mean squared cosine of the principal angles, for the m
                               ///< projections of highest and of lowest variance
  double chance = 0;           ///< its expectation for random directions, m / C
  double captured_top = 0, captured_bottom = 0,
         captured_principal = 0;  ///< shares of the vectors' variance within each span
};

/// ranked: projections by falling variance; m must be at most half of their number, or 1. The
/// branch must have linear projections.
PrincipalAlignment principal_alignment(const EvaluatedNetwork& network, const ImageSet& images,
                                       const std::vector<std::int64_t>& ranked,
                                       std::int64_t directions);

}  // namespace lcr
