// Where the suite's operations take their form for devices (kernels/device_*.h), and how they start
// there.
#pragma once

#include <functional>

#include <torch/types.h>

#include "lcr/model/kernels/device_launch.h"

namespace lcr {

/// Whether operations on a device take the form for devices: on CUDA where this build has the
/// kernels, unless LCR_KERNELS says `portable`.
bool takes_device_form(const torch::Device& device);

/// From now on the CPU's tensors take it too, one thread in place of all: for tests of the kernels'
/// source; very slow.
void use_device_form_on_cpu(bool use);

/// Calls start(stream) with the CUDA stream that LibTorch uses on a device, which is the current
/// one meanwhile. start returns CUDA's error message or null. Throws std::runtime_error on an
/// error: a fault of the device, not of the user's input.
void with_stream(const c10::Device& device, const std::function<const char*(void* stream)>& start);

/// kernels::device::launch(arguments..., stream) on a device. Throws as with_stream() does, and in
/// builds without the kernels.
template <class... Arguments>
void launch_on(const c10::Device& device, const Arguments&... arguments) {
  with_stream(device, [&]([[maybe_unused]] void* stream) {
#ifdef LCR_WITH_CUDA_KERNELS
    return kernels::device::launch(arguments..., stream);
#else
    ((void)arguments, ...);
    return "this build has no kernels for this device";
#endif
  });
}

}  // namespace lcr
