#include <cstdlib>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/model/kernels/kernels.h"

namespace lcr::kernels {
namespace {

std::vector<const Kernels*> all_kernels() {
#ifdef __x86_64__
  return {&kPortable, &kAvx2, &kAvx512};
#else
  return {&kPortable};
#endif
}

bool runs(const Kernels& form) {
#ifdef __x86_64__
  // The builtins also ask the system whether it saves the wide registers.
  if (&form == &kAvx2) return __builtin_cpu_supports("avx2");
  if (&form == &kAvx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
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

const Kernels& kernels() { return *current(); }

void use_kernels(const Kernels& form) { current() = &form; }

}  // namespace lcr::kernels
