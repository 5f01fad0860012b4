// The numeric libraries of this process: the version of LibTorch does not determine them.
#pragma once

#include <string>

namespace lcr {

/// Sorted "name=value" lines: the build of every loaded library that determines the last bits of a
/// training on the CPU (LibTorch, BLAS, oneDNN) or, if `cuda`, on a GPU (LibTorch's CUDA part,
/// cuBLAS, cuDNN), by the build id from its linker (without one, by
/// its loaded size), and for the CPU the kernels that OpenBLAS chose for this processor. It changes
/// with another BLAS from Debian's alternatives, an upgraded package, or OPENBLAS_CORETYPE.
std::string numeric_libraries(bool cuda = false);

/// Makes OpenBLAS use kernels that fit this processor in the processes started from now on, if it
/// fell back to its oldest because the processor is newer than it: through OPENBLAS_CORETYPE,
/// unless that is set. Returns whether it changed the environment: a program that computes itself
/// then starts itself again.
bool request_blas_kernels();

/// Makes OpenBLAS map its work buffers for `threads` threads now and keep them: its 0.3.21 repeats
/// a mapping that fails without end, wherever it first needs one. Throws std::bad_alloc if the
/// system does not give that much. A check of the same kind runs before OpenBLAS is loaded. Does
/// nothing with another BLAS.
void reserve_blas_buffers(int threads);

}  // namespace lcr
