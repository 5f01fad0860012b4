// at::parallel_for(), on LibTorch's threads.
#pragma once

#include <ATen/Parallel.h>

// LibTorch's headers make it a plain loop in code that is compiled without OpenMP.
#ifndef INTRA_OP_PARALLEL
#error "compile with OpenMP, as LibTorch is: at::parallel_for() would use one thread"
#endif
