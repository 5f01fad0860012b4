#include "lcr/base/memory.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <malloc.h>
#include <unistd.h>

namespace lcr {
namespace {

constexpr const char* kTunable = "glibc.malloc.hugetlb";

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

/// The choice in brackets of "always [madvise] never"; empty without huge pages.
std::string system_choice() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;
  std::getline(file, line);
  const auto from = line.find('['), to = line.find(']');
  return from == std::string::npos || to == std::string::npos
             ? ""
             : line.substr(from + 1, to - from - 1);
}

bool switched_off() { return environment("LCR_HUGE_PAGES") == "off"; }

bool tunable_set() {
  return environment("GLIBC_TUNABLES").find(kTunable) != std::string::npos;
}

}  // namespace

void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
}

void use_huge_pages([[maybe_unused]] char** argv) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they have their own malloc
  if (switched_off() || tunable_set() || system_choice() != "madvise") return;
  // Not /proc/self/exe itself: the process would be called "exe".
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return;
  std::string tunables = environment("GLIBC_TUNABLES");
  if (!tunables.empty()) tunables += ':';
  ::setenv("GLIBC_TUNABLES", (tunables + kTunable + "=1").c_str(), 1);
  ::execv(program.c_str(), argv);
  // Without it, everything works, a little slower.
#endif
}

const char* huge_pages_state() {
  if (switched_off()) return "off (LCR_HUGE_PAGES)";
  const std::string choice = system_choice();
  if (choice == "always") return "the system's own choice";
  if (choice == "madvise" && tunable_set()) return "on";
  return "none on this system";
}

}  // namespace lcr
