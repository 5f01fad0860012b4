// How this process asks the system for memory.
#pragma once

#include <malloc.h>

namespace lcr {

/// Keeps freed blocks of up to 32 MiB for the next allocation instead of returning them to the
/// system: the same large buffers are needed again in every step, and fresh pages cost more than
/// the work on them (the two views of a sample: 4.7 ms instead of 2.7 ms).
inline void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
}

}  // namespace lcr
