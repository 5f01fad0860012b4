#include "lcr/model/device_form.h"

#include <stdexcept>
#include <string>

#include <c10/core/DeviceGuard.h>
#ifdef LCR_WITH_CUDA_KERNELS
#include <ATen/cuda/CUDAContext.h>
#endif

#include "lcr/model/kernels/kernels.h"

namespace lcr {
namespace {

bool on_cpu = false;

#ifdef LCR_WITH_CUDA_KERNELS
constexpr bool kHasKernels = true;
#else
constexpr bool kHasKernels = false;
#endif

}  // namespace

bool takes_device_form(const torch::Device& device) {
  if (device.is_cpu()) return on_cpu;
  return kHasKernels && device.is_cuda() && &kernels::kernels() != &kernels::kPortable;
}

void use_device_form_on_cpu(bool use) { on_cpu = use; }

void with_stream(const c10::Device& device, const std::function<const char*(void* stream)>& start) {
  const c10::DeviceGuard guard(device);
  void* stream = nullptr;
#ifdef LCR_WITH_CUDA_KERNELS
  stream = at::cuda::getCurrentCUDAStream(device.index()).stream();
#endif
  if (const char* error = start(stream))
    throw std::runtime_error(std::string("CUDA: a kernel does not start: ") + error);
}

}  // namespace lcr
