// CUDA kernels over the stages of view_stages.h. Compiled without fused multiply-add, so that they
// give the CPU's bytes.
#include <cuda_runtime.h>

#include "lcr/train/view_kernels.h"

namespace lcr::cuda {
namespace {

constexpr int kThreads = 256, kColourThreads = 512;

template <typename Stage>
__global__ void each(ViewBuffers buffers, std::int64_t elements, Stage stage) {
  for (std::int64_t i = blockIdx.x * static_cast<std::int64_t>(blockDim.x) + threadIdx.x;
       i < elements; i += static_cast<std::int64_t>(gridDim.x) * blockDim.x)
    stage(buffers, i);
}

struct Weights {
  __device__ void operator()(const ViewBuffers& b, std::int64_t i) const { make_weights(b, i); }
};
struct Across {
  __device__ void operator()(const ViewBuffers& b, std::int64_t i) const { resize_across(b, i); }
};
struct Down {
  __device__ void operator()(const ViewBuffers& b, std::int64_t i) const { resize_down(b, i); }
};
struct Blur {
  int pass;
  __device__ void operator()(const ViewBuffers& b, std::int64_t i) const { blur_pass(b, pass, i); }
};
struct Solarise {
  __device__ void operator()(const ViewBuffers& b, std::int64_t i) const { solarise_element(b, i); }
};

/// The sum of an integer over the threads of a block.
struct BlockSum {
  unsigned long long* total;
  __device__ long long operator()(long long value) const {
    __syncthreads();  // every thread has read the previous total
    if (threadIdx.x == 0) *total = 0;
    __syncthreads();
    atomicAdd(total, static_cast<unsigned long long>(value));
    __syncthreads();
    return static_cast<long long>(*total);
  }
};

__global__ void colour(ViewBuffers buffers) {
  __shared__ unsigned long long total;
  colour_view(buffers, blockIdx.x, static_cast<int>(threadIdx.x), static_cast<int>(blockDim.x),
              BlockSum{&total});
}

template <typename Stage>
void launch(const ViewBuffers& buffers, std::int64_t elements, Stage stage, cudaStream_t stream) {
  const std::int64_t needed = (elements + kThreads - 1) / kThreads;
  const auto blocks = static_cast<unsigned>(needed < 1 << 20 ? needed : 1 << 20);
  each<<<blocks, kThreads, 0, stream>>>(buffers, elements, stage);
}

}  // namespace

const char* render(const ViewBuffers& b, bool any_blur, bool any_solarise, void* opaque_stream) {
  const auto stream = static_cast<cudaStream_t>(opaque_stream);
  launch(b, weight_elements(b), Weights{}, stream);
  launch(b, across_elements(b), Across{}, stream);
  launch(b, view_elements(b), Down{}, stream);
  colour<<<static_cast<unsigned>(b.views), kColourThreads, 0, stream>>>(b);
  if (any_blur)
    for (int pass = 0; pass < kBlurStages; ++pass) launch(b, view_elements(b), Blur{pass}, stream);
  if (any_solarise) launch(b, view_elements(b), Solarise{}, stream);
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace lcr::cuda
