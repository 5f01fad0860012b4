// The numeric libraries of this process: the version of LibTorch does not determine them.
#pragma once

#include <string>

namespace lcr {

/// Sorted "name=value" lines: the build of every loaded library that determines the last bits of a
/// training on the CPU (LibTorch, BLAS, oneDNN), by the build id from its linker (without one, by
/// its loaded size), and the kernels that OpenBLAS chose for this processor. It changes with
/// another BLAS from Debian's alternatives, an upgraded package, or OPENBLAS_CORETYPE.
std::string numeric_libraries();

}  // namespace lcr
