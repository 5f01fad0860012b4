// Batch norm's running statistics re-estimated on clean training images. Those that training leaves
// were gathered on augmented views, which alone can cost retrieval more than the method under study
// gives or takes.
#pragma once

#include <cstdint>

#include "lcr/data/image_set.h"
#include "lcr/evaluate/features.h"

namespace lcr {

/// Sets the running statistics of the encoder and its branches to their means over batches of the
/// training images' test views, in an order drawn from the seed (the last, smaller batch is dropped
/// where there are others). Weights stay as they are.
void recalibrate_batch_norm(const EvaluatedNetwork& network, const ImageSet& train,
                            std::uint64_t seed);

/// The same for the untrained branch alone, which was never trained and so has no statistics of its
/// own.
void calibrate_random_gfb(const EvaluatedNetwork& network, const ImageSet& train,
                          std::uint64_t seed);

}  // namespace lcr
