// Re-estimates batch norm's running statistics on clean training images. Training collects them on
// augmented views, which alone can change retrieval more than the method under study does.
#pragma once

#include <cstdint>

#include "lcr/data/image_set.h"
#include "lcr/evaluate/features.h"

namespace lcr {

/// Sets the running statistics of the encoder and its branches to their means over batches of the
/// training images' test views, in an order drawn by the seed (a last, smaller batch is dropped
/// unless it is the only one). Weights do not change. Throws Interrupted if a signal asks to stop.
void recalibrate_batch_norm(const EvaluatedNetwork& network, const ImageSet& train,
                            std::uint64_t seed);

/// The same for the untrained branch alone, whose statistics are still at their initial values.
void calibrate_random_gfb(const EvaluatedNetwork& network, const ImageSet& train,
                          std::uint64_t seed);

}  // namespace lcr
