#include "lcr/base/memory.h"

#include <cstdlib>
#include <fstream>
#include <string>

#include <malloc.h>
#include <sys/mman.h>

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

bool tunable_set() { return environment("GLIBC_TUNABLES").find(kTunable) != std::string::npos; }

}  // namespace

void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
}

bool request_huge_pages() {
  if (switched_off() || tunable_set() || system_choice() != "madvise") return false;
  std::string tunables = environment("GLIBC_TUNABLES");
  if (!tunables.empty()) tunables += ':';
  return ::setenv("GLIBC_TUNABLES", (tunables + kTunable + "=1").c_str(), 1) == 0;
}

const char* huge_pages_state() {
  const std::string choice = system_choice();
  if (choice == "always") return "the system's own choice";
  const bool wanted =
      environment("GLIBC_TUNABLES").find(std::string(kTunable) + "=1") != std::string::npos;
  if (choice == "madvise" && wanted) return "on";
  if (switched_off()) return "off (LCR_HUGE_PAGES)";
  if (tunable_set()) return "off (GLIBC_TUNABLES)";
  return "none on this system";
}

bool can_map(std::size_t bytes) {
  void* const region =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (region == MAP_FAILED) return false;
  ::munmap(region, bytes);
  return true;
}

}  // namespace lcr
