// Marks functions that nvcc compiles for the device too.
#pragma once

#ifdef __CUDACC__
#define LCR_HOST_DEVICE __host__ __device__ inline
#else
#define LCR_HOST_DEVICE inline
#endif
