// Launches the CUDA kernels of device_kernels.cu on a stream (a cudaStream_t) of the current
// device. Each function returns CUDA's error message, or null if there is no error.
#pragma once

#include "lcr/model/kernels/device_norm.h"
#include "lcr/model/kernels/device_update.h"

namespace lcr::kernels::device {

/// An operation over feature maps. partials: kSums x groups x parts x channels; null without sums.
template <class Op>
const char* launch(const Op& op, const Tiling& tiling, Number number, double* partials,
                   void* stream);

/// of: sums x groups.
const char* launch(const Totals& totals, std::int64_t of, void* stream);

/// An operation of norm_channels.h.
template <class Op>
const char* launch(const Op& op, void* stream);

const char* launch(const UpdateBatch& batch, void* stream);

}  // namespace lcr::kernels::device
