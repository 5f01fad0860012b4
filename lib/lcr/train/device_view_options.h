// Options of the views that a CUDA device renders.
#pragma once

#include <vector>

#include "lcr/config/options.h"

namespace lcr {

/// Where the images are from which views are rendered. Not part of a run's identity: the views are
/// the same.
struct DeviceViewOptions {
  double resident_share = 0.5;  ///< of the device's free memory, in [0, 1]
};

std::vector<OptionSpec> device_view_options();

}  // namespace lcr
