// CUDA kernels over the stages of view_stages.h. Compiled without fused multiply-add, so that they give the CPU's bytes.
#include <cuda_runtime.h>

#include "lcr/train/view_kernels.h"

namespace lcr::cuda {
namespace {

constexpr int kThreads = 256, kColourThreads = 512;

const char* text(cudaError_t error) { return error == cudaSuccess ? nullptr : cudaGetErrorString(error); }

template <typename Stage>
__global__ void each(ViewBuffers buffers, std::int64_t elements, Stage stage) {
  for (std::int64_t i = blockIdx.x * static_cast<std::int64_t>(blockDim.x) + threadIdx.x; i < elements; i += static_cast<std::int64_t>(gridDim.x) * blockDim.x) stage(buffers, i);
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

/// The sum of a whole number over a block.
struct BlockSum {
  unsigned long long* total;
  __device__ long long operator()(long long value) const {
    __syncthreads();  // everybody has read the total before
    if (threadIdx.x == 0) *total = 0;
    __syncthreads();
    atomicAdd(total, static_cast<unsigned long long>(value));
    __syncthreads();
    return static_cast<long long>(*total);
  }
};

__global__ void colour(ViewBuffers buffers) {
  __shared__ unsigned long long total;
  colour_view(buffers, blockIdx.x, static_cast<int>(threadIdx.x), static_cast<int>(blockDim.x), BlockSum{&total});
}

template <typename Stage>
void launch(const ViewBuffers& buffers, std::int64_t elements, Stage stage, cudaStream_t stream) {
  const std::int64_t blocks = (elements + kThreads - 1) / kThreads;
  each<<<static_cast<unsigned>(blocks < 1 << 20 ? blocks : 1 << 20), kThreads, 0, stream>>>(buffers, elements, stage);
}

}  // namespace

const char* free_memory(int device, std::size_t* bytes) {
  std::size_t total = 0;
  if (const char* error = text(cudaSetDevice(device))) return error;
  return text(cudaMemGetInfo(bytes, &total));
}

const char* allocate(int device, std::size_t bytes, void** memory) {
  if (const char* error = text(cudaSetDevice(device))) return error;
  return text(cudaMalloc(memory, bytes));
}

const char* allocate_pinned(std::size_t bytes, void** memory) { return text(cudaMallocHost(memory, bytes)); }
void release(void* memory) { cudaFree(memory); }
void release_pinned(void* memory) { cudaFreeHost(memory); }
const char* copy_to_device(void* target, const void* source, std::size_t bytes, void* stream) {
  return text(cudaMemcpyAsync(target, source, bytes, cudaMemcpyHostToDevice, static_cast<cudaStream_t>(stream)));
}
const char* wait(void* stream) { return text(cudaStreamSynchronize(static_cast<cudaStream_t>(stream))); }

const char* record_event(void** event, void* stream) {
  if (!*event) {
    cudaEvent_t made = nullptr;
    if (const char* error = text(cudaEventCreateWithFlags(&made, cudaEventDisableTiming))) return error;
    *event = made;
  }
  return text(cudaEventRecord(static_cast<cudaEvent_t>(*event), static_cast<cudaStream_t>(stream)));
}
const char* wait_for_event(void* event) { return text(cudaEventSynchronize(static_cast<cudaEvent_t>(event))); }
void destroy_event(void* event) { cudaEventDestroy(static_cast<cudaEvent_t>(event)); }

const char* render(const ViewBuffers& b, bool any_blur, bool any_solarise, void* opaque_stream) {
  const auto stream = static_cast<cudaStream_t>(opaque_stream);
  launch(b, weight_elements(b), Weights{}, stream);
  launch(b, across_elements(b), Across{}, stream);
  launch(b, view_elements(b), Down{}, stream);
  colour<<<static_cast<unsigned>(b.views), kColourThreads, 0, stream>>>(b);
  if (any_blur)
    for (int pass = 0; pass < kBlurStages; ++pass) launch(b, view_elements(b), Blur{pass}, stream);
  if (any_solarise) launch(b, view_elements(b), Solarise{}, stream);
  return text(cudaGetLastError());
}

}  // namespace lcr::cuda
