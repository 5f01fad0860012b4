// Error messages for memory that runs out.
#pragma once

#include <functional>

#include "lcr/config/options.h"

namespace lcr {

/// Runs `body`. If it runs out of memory (is_out_of_memory()), throws a UserError, on the GPU an
/// OutOfDeviceMemory, that says how much it tried to allocate and which options reduce the need.
void explain_out_of_memory(const Options& options, const std::function<void()>& body);

}  // namespace lcr
