// How this process asks the system for memory.
#pragma once

#include <cstddef>

namespace lcr {

/// Keeps freed blocks of up to 32 MiB for the next allocation instead of returning them to the
/// system: the same large buffers are needed again in every step, and fresh pages cost more than
/// the work on them (the two views of a sample: 4.7 ms instead of 2.7 ms).
void keep_freed_memory();

/// Lets malloc ask for huge pages (2 MiB), which make passes over large feature maps cheaper, where
/// the system gives them on request only. glibc reads this setting when a program starts: it holds
/// for programs that this one starts from now on. Does nothing if the environment has
/// LCR_HUGE_PAGES=off or sets glibc.malloc.hugetlb itself. Returns whether it changed the
/// environment.
bool request_huge_pages();

/// What programs started from now on get, for a log: "on", "off (LCR_HUGE_PAGES)", "the system's
/// own choice" or "none on this system".
const char* huge_pages_state();

/// Whether the system would map that many more bytes for this process now (ulimit -v, or a system
/// that promises no more memory than it has). Safe in signal handlers.
bool can_map(std::size_t bytes);

}  // namespace lcr
