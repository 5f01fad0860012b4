// The loops for AVX2. The build sets the compiler's flags.
#ifdef __AVX2__
#define LCR_KERNELS_BYTES 32
#include "lcr/model/kernels/loops.h"

namespace lcr::kernels {
constinit const Kernels kAvx2 = make_kernels("avx2");
}
#endif
