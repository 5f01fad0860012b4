#include "lcr/experiment/numeric_libraries.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <set>
#include <string_view>
#include <vector>

#include <dlfcn.h>
#include <elf.h>
#include <fmt/core.h>
#include <link.h>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/base/memory.h"

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

/// What dl_iterate_phdr() looks for, and what it found.
struct Search {
  std::vector<std::string_view> names;  ///< beginnings of file names
  std::set<std::string> lines;
};

int collect(dl_phdr_info* object, std::size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  std::string_view name = object->dlpi_name;
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  for (const auto& wanted : search.names) {
    if (!name.starts_with(wanted)) continue;
    const std::string id = build_id(*object);
    const std::string build =
        id.empty() ? fmt::format("{} bytes", loaded_size(*object)) : "build " + id;
    search.lines.insert(fmt::format("{}={}", name, build));
  }
  return 0;
}

/// A function of OpenBLAS; null with another BLAS.
template <typename Function>
Function* openblas(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

/// The name of the kernels that OpenBLAS uses; null with another BLAS.
const char* openblas_kernels() {
  const auto core = openblas<char*()>("openblas_get_corename");
  return core ? core() : nullptr;
}

/// OpenBLAS's BUFFER_SIZE: the address space of one thread's work buffer.
constexpr std::size_t kBlasBuffer = std::size_t{128} << 20;
/// The threads for which Debian builds OpenBLAS: it has room for twice as many buffers.
constexpr int kMostBlasThreads = 64;

// While OpenBLAS is loaded, it maps a buffer for each processor, and repeats what fails without
// end; LibTorch then registers its operators and ends in std::terminate() if that fails. Functions
// of .preinit_array run before all of this. ASan's are not yet at work either, and its address
// space has no limits.
#ifndef __SANITIZE_ADDRESS__
/// What LibTorch takes until main() begins (50 MiB), and some room to come to an error message.
constexpr std::size_t kStartUp = std::size_t{80} << 20;

void check_room_to_start(int, char** arguments, char** variables) {
  int buffers = 0;
  if (const auto processors = openblas<int()>("openblas_get_num_procs")) {
    buffers = std::min(processors(), kMostBlasThreads);
    // getenv() does not work yet. Other variables do not lower what OpenBLAS maps.
    constexpr std::string_view kThreads = "OMP_NUM_THREADS=";
    for (char** variable = variables; *variable; ++variable)
      if (std::string_view(*variable).starts_with(kThreads))
        if (const int wanted = std::atoi(*variable + kThreads.size()); wanted > 0)
          buffers = std::min(buffers, wanted);
  }
  if (can_map(kStartUp + static_cast<std::size_t>(buffers) * kBlasBuffer)) return;
  constexpr std::string_view kWords =
      ": error: out of memory: the address space is too small to start LibTorch and its BLAS; "
      "raise "
      "its limit (ulimit -v) or set OMP_NUM_THREADS to fewer threads\n";
  std::string_view name = arguments[0] ? arguments[0] : "";
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  if (::write(STDERR_FILENO, name.data(), name.size()) >= 0 &&
      ::write(STDERR_FILENO, kWords.data(), kWords.size()) >= 0) {
    // Nothing helps if they cannot be written.
  }
  ::_exit(kBadInput);
}

[[gnu::section(".preinit_array"),
  gnu::used]] void (*const before_libraries)(int, char**, char**) = check_room_to_start;
#endif

}  // namespace

std::string numeric_libraries(bool cuda) {
  Search search;
  // Of cuDNN and cuBLAS only what the program is linked with: the rest is loaded when it is needed.
  if (cuda)
    search.names = {"libtorch_cuda.so", "libcublas.so", "libcublasLt.so", "libcudnn.so"};
  else
    search.names = {"libtorch_cpu", "libopenblas", "libblas", "libblis", "libmkl_", "libdnnl"};
  ::dl_iterate_phdr(collect, &search);
  if (const char* kernels = openblas_kernels(); kernels && !cuda)
    search.lines.insert(fmt::format("OpenBLAS kernels={}", kernels));
  std::string text;
  for (const auto& line : search.lines) text += line + "\n";
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

void reserve_blas_buffers(int threads) {
  static int reserved = 0;
  const auto take = openblas<void*(int)>("blas_memory_alloc");
  const auto give = openblas<void(void*)>("blas_memory_free");
  const auto loaded = openblas<int()>("openblas_get_num_threads");
  threads = std::min(threads, kMostBlasThreads);
  if (!take || !give || !loaded || threads <= reserved) return;
  // One for each thread that may call BLAS at the same time, and one for each that OpenBLAS would
  // add to its own.
  std::vector<void*> buffers(static_cast<std::size_t>(threads + std::max(0, threads - loaded())));
  if (!can_map(buffers.size() * kBlasBuffer)) throw std::bad_alloc();
  for (auto& buffer : buffers) buffer = take(0);
  for (auto* buffer : buffers) give(buffer);
  reserved = threads;
}

}  // namespace lcr
