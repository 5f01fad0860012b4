// How images become batches.
#pragma once

#include <cstdint>
#include <vector>

#include "lcr/config/options.h"

namespace lcr {

/// How a batch is shared.
struct BatchOptions {
  std::int64_t batch_size = 128;
  std::int64_t ranks = 1;
};

std::vector<OptionSpec> batch_options();

}  // namespace lcr
