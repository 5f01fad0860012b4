#include "lcr/base/suite_home.h"

#include <cstdlib>

#include "lcr/base/error.h"
#include "lcr/base/files.h"

namespace lcr {
namespace fs = std::filesystem;

fs::path suite_home() {
  if (const char* home = std::getenv("LCR_HOME"); home && *home) return home;
  const fs::path program = fs::read_symlink("/proc/self/exe");
  for (fs::path folder = program.parent_path();; folder = folder.parent_path()) {
    if (fs::exists(folder / "share/lcr/presets")) return folder / "share/lcr";
    if (fs::exists(folder / "lcr-home"))
      return (folder / read_text(folder / "lcr-home", 1 << 16)).lexically_normal();
    if (folder == folder.root_path()) break;
  }
  fail(
      "{}: presets/ and datasets/ are not found from this program; set LCR_HOME to the folder that "
      "holds them",
      program.string());
}

}  // namespace lcr
