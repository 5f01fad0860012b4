// The loops for every processor; the form that the others are tested against.
#define LCR_KERNELS_BYTES 16
#include "lcr/model/kernels/loops.h"

namespace lcr::kernels {
constinit const Kernels kPortable = make_kernels("portable");
}
