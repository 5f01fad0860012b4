// CUDA kernels over device_norm.h and device_update.h. Compiled without fused multiply-add, as the
// CPU's loops are.
#include <cuda_runtime.h>

#include "lcr/model/kernels/device_launch.h"

namespace lcr::kernels::device {
namespace {

template <class T, int N, class Op>
__global__ void __launch_bounds__(kThreads) over_map(Op op, Tiling tiling, double* partials) {
  __shared__ float shared[kShared<Op, N>];
  const Block block{blockIdx.y, blockIdx.x, blockIdx.z};
  const int thread = static_cast<int>(threadIdx.x);
  work<T, N>(op, tiling, block, thread, shared);
  if constexpr (Op::kSums > 0) {
    __syncthreads();
    add_stripes<N>(op, tiling, block, thread, shared, partials);
  }
}

__global__ void __launch_bounds__(kThreads) over_parts(Totals totals) {
  __shared__ double shared[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  totals.add_parts(blockIdx.x, blockIdx.y, thread, shared);
  __syncthreads();
  totals.add_threads(blockIdx.x, blockIdx.y, thread, shared);
}

template <class Op>
__global__ void over_channels(Op op) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (c < op.channels) op(c);
}

__global__ void __launch_bounds__(kThreads) over_pieces(UpdateBatch batch) {
  const int piece = static_cast<int>(blockIdx.y);
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i < batch.pieces[piece].count; i += static_cast<std::int64_t>(gridDim.x) * blockDim.x)
    batch(piece, i);
}

const char* last_error() {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

unsigned blocks(std::int64_t numbers, int each) {
  return static_cast<unsigned>((numbers + each - 1) / each);
}

}  // namespace

template <class Op>
const char* launch(const Op& op, const Tiling& tiling, Number number, double* partials,
                   void* stream) {
  const dim3 grid(static_cast<unsigned>(tiling.parts), static_cast<unsigned>(tiling.tiles),
                  static_cast<unsigned>(tiling.groups));
  with_format(number, tiling.lanes, [&](auto type, auto lanes) {
    over_map<decltype(type), lanes.value>
        <<<grid, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(op, tiling, partials);
  });
  return last_error();
}

template <class Op>
const char* launch(const Op& op, void* stream) {
  constexpr int kEach = 64;
  over_channels<<<blocks(op.channels, kEach), kEach, 0, static_cast<cudaStream_t>(stream)>>>(op);
  return last_error();
}

const char* launch(const Totals& totals, std::int64_t of, void* stream) {
  const dim3 grid(blocks(totals.channels, Totals::kAcross), static_cast<unsigned>(of));
  over_parts<<<grid, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(totals);
  return last_error();
}

const char* launch(const UpdateBatch& batch, void* stream) {
  std::int64_t longest = 0;
  for (int i = 0; i < batch.count; ++i)
    if (batch.pieces[i].count > longest) longest = batch.pieces[i].count;
  constexpr int kNumbersPerThread = 16;
  const dim3 grid(blocks(longest, kThreads * kNumbersPerThread),
                  static_cast<unsigned>(batch.count));
  over_pieces<<<grid, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(batch);
  return last_error();
}

#define LCR_OVER_MAP(Op) \
  template const char* launch<Op>(const Op&, const Tiling&, Number, double*, void*)
LCR_OVER_MAP(FindMoments);
LCR_OVER_MAP(Apply);
LCR_OVER_MAP(Join);
LCR_OVER_MAP(Reduce);
LCR_OVER_MAP(ReduceResidual);
LCR_OVER_MAP(InputGradient);
LCR_OVER_MAP(Pool);
LCR_OVER_MAP(PoolGradient);
#undef LCR_OVER_MAP
#define LCR_OVER_CHANNELS(Op) template const char* launch<Op>(const Op&, void*)
LCR_OVER_CHANNELS(BatchStatistics);
LCR_OVER_CHANNELS(RunningStatistics);
LCR_OVER_CHANNELS(ParameterGradients);
#undef LCR_OVER_CHANNELS

}  // namespace lcr::kernels::device
