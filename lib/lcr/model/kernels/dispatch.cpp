#include <cstdlib>

#ifdef __x86_64__
#include <cpuid.h>
#endif
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/model/kernels/kernels.h"

namespace lcr::kernels {
namespace {

std::vector<const Kernels*> all_kernels() {
#ifdef __x86_64__
  return {&kPortable, &kAvx2, &kAvx512, &kAmx};
#else
  return {&kPortable};
#endif
}

#ifdef __x86_64__
/// Whether the processor has the tiles and the system, once asked, lets this process use them.
bool has_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kBfloat16 = 1U << 22, kTile = 1U << 24;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & kBfloat16) == 0 || (d & kTile) == 0)
    return false;
#ifdef __linux__
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
#endif

bool runs(const Kernels& form) {
#ifdef __x86_64__
  // The builtins also ask the system whether it saves the wide registers.
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (&form == &kAvx2) return __builtin_cpu_supports("avx2");
  if (&form == &kAvx512) return avx512;
  if (&form == &kAmx) return avx512 && __builtin_cpu_supports("avx512bf16") && has_amx();
#endif
  return &form == &kPortable;
}

const Kernels* choose() {
  const auto supported = supported_kernels();
  const char* wanted = std::getenv("LCR_KERNELS");
  if (!wanted || !*wanted) return supported.back();
  std::vector<std::string> names;
  for (const auto* form : all_kernels()) {
    names.emplace_back(form->name);
    if (names.back() != wanted) continue;
    if (!runs(*form)) fail("LCR_KERNELS = {}: this processor lacks it; unset it", wanted);
    return form;
  }
  fail("LCR_KERNELS = '{}' is not known: it may be {}", printable(wanted), lcr::join(names, ", "));
}

const Kernels*& current() {
  static const Kernels* form = choose();
  return form;
}

}  // namespace

std::vector<const Kernels*> supported_kernels() {
  std::vector<const Kernels*> supported;
  for (const auto* form : all_kernels())
    if (runs(*form)) supported.push_back(form);
  return supported;
}

bool widest_is_avx2() {
#ifdef __x86_64__
  static const bool widest = supported_kernels().back() == &kAvx2;
  return widest;
#else
  return false;
#endif
}

const Kernels& kernels() { return *current(); }

void use_kernels(const Kernels& form) { current() = &form; }

}  // namespace lcr::kernels
