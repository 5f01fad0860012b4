// Launches the CUDA kernels of view_kernels.cu.
#pragma once

#include "lcr/data/view_stages.h"

namespace lcr::cuda {

/// Runs all stages of a batch whose buffers lie on the current device, on a stream of it (a
/// cudaStream_t). Returns CUDA's text of an error, null if there is none.
const char* render(const ViewBuffers& buffers, bool any_blur, bool any_solarise, void* stream);

}  // namespace lcr::cuda
