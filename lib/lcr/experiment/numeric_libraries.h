// Which libraries compute in this process: what `LibTorch 1.13.1` alone does not say.
#pragma once

#include <string>

namespace lcr {

/// "name=value" lines, sorted: the build of every loaded library that decides the last bits of a
/// training on the CPU (LibTorch, BLAS, oneDNN), by the build id that its linker gave it (or,
/// without one, the size of its code), and the kernels that OpenBLAS chose for this processor.
/// Another BLAS behind Debian's alternatives, an upgraded package, or OPENBLAS_CORETYPE shows here.
std::string numeric_libraries();

}  // namespace lcr
