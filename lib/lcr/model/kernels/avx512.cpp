// The loops for AVX-512 (F, BW, DQ, VL). The build sets the compiler's flags.
#ifdef __AVX512BW__
#define LCR_KERNELS_BYTES 64
#include "lcr/model/kernels/loops.h"

namespace lcr::kernels {
constinit const Kernels kAvx512 = make_kernels("avx512");
}
#endif
