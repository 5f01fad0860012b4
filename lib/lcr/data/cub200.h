// CUB-200-2011 as a component.
#pragma once

#include "lcr/data/dataset_spec.h"

namespace lcr {

/// CUB-200-2011. Its files belong into the data directory.
DatasetSpec cub200_dataset();

}  // namespace lcr
