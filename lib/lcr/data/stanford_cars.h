// Stanford Cars as a component.
#pragma once

#include "lcr/data/dataset_spec.h"

namespace lcr {

/// Stanford Cars. Its files belong into the data directory.
DatasetSpec stanford_cars_dataset();

}  // namespace lcr
