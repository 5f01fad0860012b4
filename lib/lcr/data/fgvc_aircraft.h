// FGVC-Aircraft 2013b as a component.
#pragma once

#include "lcr/data/dataset_spec.h"

namespace lcr {

/// FGVC-Aircraft 2013b. Its files belong into the data directory.
DatasetSpec fgvc_aircraft_dataset();

}  // namespace lcr
