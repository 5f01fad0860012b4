#include "lcr/model/precision.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "lcr/model/torch_compat.h"

namespace lcr {
namespace {

bool cpu_has_bfloat16() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAvx512Bf16 = 1u << 5, kAmxBf16 = 1u << 22;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & kAvx512Bf16)) return true;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & kAmxBf16);
#else
  return false;
#endif
}

}  // namespace

std::string resolve_precision(const std::string& precision, const torch::Device& device) {
  if (precision != "auto") return precision;
  return device.is_cuda() || cpu_has_bfloat16() ? "bfloat16" : "float32";
}

AutocastGuard::AutocastGuard(bool bfloat16, c10::DeviceType device)
    : active_(bfloat16), device_(device) {
  if (!active_) return;
  before_ = compat::autocast_enabled(device_);
  compat::set_autocast(device_, true);
  at::autocast::increment_nesting();
}

AutocastGuard::~AutocastGuard() {
  if (!active_) return;
  // The cache of cast weights must be cleared before the optimiser changes the weights.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  compat::set_autocast(device_, before_);
}

}  // namespace lcr
