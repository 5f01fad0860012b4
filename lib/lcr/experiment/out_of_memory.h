// Memory that was asked for and not there: said in words that help.
#pragma once

#include <functional>

#include "lcr/record/options.h"

namespace lcr {

/// Runs `body`. Where it ends for want of memory, on the GPU or the host, throws a UserError that
/// says how much was asked for and which options lower it.
void explain_out_of_memory(const Options& options, const std::function<void()>& body);

}  // namespace lcr
