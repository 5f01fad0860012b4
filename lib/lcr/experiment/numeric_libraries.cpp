#include "lcr/experiment/numeric_libraries.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string_view>

#include <dlfcn.h>
#include <elf.h>
#include <fmt/core.h>
#include <link.h>

namespace lcr {
namespace {

/// The first 16 hexadecimal digits of a loaded ELF object's build id, read from its notes; empty if
/// it has none.
std::string build_id(const dl_phdr_info& object) {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object.dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const auto* cursor = reinterpret_cast<const char*>(object.dlpi_addr + segment.p_vaddr);
    const char* const end = cursor + segment.p_memsz;
    const auto padded = [](std::size_t size) { return (size + 3) / 4 * 4; };
    while (cursor + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, cursor, sizeof note);
      const char* const name = cursor + sizeof note;
      const char* const content = name + padded(note.n_namesz);
      cursor = content + padded(note.n_descsz);
      if (cursor > end || note.n_type != NT_GNU_BUILD_ID || note.n_namesz != 4 ||
          std::memcmp(name, "GNU", 4) != 0)
        continue;
      std::string digits;
      for (std::size_t byte = 0; byte < note.n_descsz && byte < 8; ++byte)
        digits += fmt::format("{:02x}", static_cast<unsigned char>(content[byte]));
      return digits;
    }
  }
  return "";
}

std::size_t loaded_size(const dl_phdr_info& object) {
  std::size_t size = 0;
  for (int i = 0; i < object.dlpi_phnum; ++i)
    if (object.dlpi_phdr[i].p_type == PT_LOAD) size += object.dlpi_phdr[i].p_memsz;
  return size;
}

int collect(dl_phdr_info* object, std::size_t, void* lines) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "libtorch_cpu", "libopenblas", "libblas", "libblis", "libmkl_", "libdnnl"};
  std::string_view name = object->dlpi_name;
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  for (const auto& wanted : kNames) {
    if (!name.starts_with(wanted)) continue;
    const std::string id = build_id(*object);
    const std::string build =
        id.empty() ? fmt::format("{} bytes", loaded_size(*object)) : "build " + id;
    static_cast<std::set<std::string>*>(lines)->insert(fmt::format("{}={}", name, build));
  }
  return 0;
}

/// The name of the kernels that OpenBLAS uses; null with another BLAS.
const char* openblas_kernels() {
  using CoreName = char* (*)();
  const auto core = reinterpret_cast<CoreName>(::dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  return core ? core() : nullptr;
}

}  // namespace

std::string numeric_libraries() {
  std::set<std::string> lines;
  ::dl_iterate_phdr(collect, &lines);
  if (const char* kernels = openblas_kernels())
    lines.insert(fmt::format("OpenBLAS kernels={}", kernels));
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

bool request_blas_kernels() {
  constexpr const char* kVariable = "OPENBLAS_CORETYPE";
  const char* const used = openblas_kernels();
  if (!used || std::string_view(used) != "Prescott" || std::getenv(kVariable)) return false;
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
    return ::setenv(kVariable, "SkylakeX", 1) == 0;
  if (__builtin_cpu_supports("avx2")) return ::setenv(kVariable, "Haswell", 1) == 0;
#endif
  return false;
}

}  // namespace lcr
