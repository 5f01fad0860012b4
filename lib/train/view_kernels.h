// What device_views.cpp asks of CUDA; implemented in view_kernels.cu. Errors come back as texts, null if there is none.
#pragma once

#include <cstddef>

#include "lcr/data/view_stages.h"

namespace lcr::cuda {

const char* free_memory(int device, std::size_t* bytes);
const char* allocate(int device, std::size_t bytes, void** memory);
const char* allocate_pinned(std::size_t bytes, void** memory);
void release(void* memory);
void release_pinned(void* memory);
const char* copy_to_device(void* target, const void* source, std::size_t bytes, void* stream);
const char* wait(void* stream);
/// Records an event (made at first: *event null) that has come when all work so far on the stream is done.
const char* record_event(void** event, void* stream);
const char* wait_for_event(void* event);
void destroy_event(void* event);

/// Runs all stages of a batch whose buffers lie on the device.
const char* render(const ViewBuffers& buffers, bool any_blur, bool any_solarise, void* stream);

}  // namespace lcr::cuda
