// Launches the CUDA kernels of view_kernels.cu.
#pragma once

#include "lcr/image/view_stages.h"

namespace lcr::cuda {

/// Runs all stages of a batch whose buffers are on the current device, on one of its streams (a
/// cudaStream_t); blur and solarisation only if any view has them. Returns CUDA's error message, or
/// null if there is no error.
const char* render(const ViewBuffers& buffers, bool any_blur, bool any_solarise, void* stream);

}  // namespace lcr::cuda
