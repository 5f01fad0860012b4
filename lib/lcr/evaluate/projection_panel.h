// Figure B1: heat maps of the projections of highest and lowest variance.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <torch/types.h>

#include "lcr/data/image_set.h"
#include "lcr/evaluate/features.h"

namespace lcr {

/// Draws one column per image, for images chosen by the seed: the test view, then the three
/// projections of highest and the three of lowest variance (fewer if there are not six), rectified,
/// over the greyed view. Each map is normalised to its own image, as in the paper: colours compare
/// positions within one map, not maps. Writes a PNG file. ranked: projections by descending
/// variance; variance: K doubles.
void draw_projection_panel(const EvaluatedNetwork& network, const ImageSet& images,
                           const std::vector<std::int64_t>& ranked, const torch::Tensor& variance,
                           std::int64_t columns, std::uint64_t seed,
                           const std::filesystem::path& path);

}  // namespace lcr
