// SynthBirds and its stand-in as components.
#pragma once

#include "lcr/data/dataset_spec.h"

namespace lcr {

/// How many images SynthBirds draws, per class.
struct SynthBirdsOptions {
  std::int64_t synthbirds_classes = 20, synthbirds_train = 60, synthbirds_test = 40;
};

DatasetSpec synth_birds_dataset();
/// Other species and objects, for supervised pre-training: the stand-in for ImageNet.
DatasetSpec synth_birds_standin();

}  // namespace lcr
