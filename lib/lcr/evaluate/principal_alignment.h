// Supplement B compares the projections of highest variance to the top eigenvectors of a principal
// component analysis: how similar are they?
#pragma once

#include <cstdint>
#include <vector>

#include "lcr/data/image_set.h"
#include "lcr/evaluate/features.h"

namespace lcr {

/// Over the feature map's C-dimensional vectors at all positions of all images (test views).
struct PrincipalAlignment {
  std::int64_t channels = 0;  ///< C
  /// m: projections taken from either end of the ranking, and principal components.
  std::int64_t directions = 0;
  /// The m principal angles between the span of the top-m projections' weights and the span of the
  /// top-m components, in degrees, ascending.
  std::vector<double> angles;
  /// Mean squared cosine of the principal angles: m projections of highest and of lowest variance.
  double top = 0, bottom = 0;
  double chance = 0;  ///< its expectation for random directions, m / C
  /// Shares of the vectors' variance within each span.
  double captured_top = 0, captured_bottom = 0, captured_principal = 0;
};

/// ranked: projections by descending variance; directions: m, at most half of their number, or 1.
/// The branch must have linear projections. Throws UserError if m exceeds C or the principal
/// components cannot be computed.
PrincipalAlignment principal_alignment(const EvaluatedNetwork& network, const ImageSet& images,
                                       const std::vector<std::int64_t>& ranked,
                                       std::int64_t directions);

}  // namespace lcr
