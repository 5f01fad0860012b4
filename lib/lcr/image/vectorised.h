// Marks the hot loops of pixels.
#pragma once

// A function marked so is compiled twice, and the faster version is chosen when the program starts:
// AVX2 makes them 2 to 4 times faster. Both compute the same bytes. Sanitizers do not support this.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LCR_VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define LCR_VECTORISED
#endif
