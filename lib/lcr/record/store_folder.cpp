#include "lcr/record/store_folder.h"

#include <unistd.h>

#include "lcr/base/files.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// Removes a folder with its content at the end of the scope.
struct Removal {
  fs::path folder;
  ~Removal() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
};

}  // namespace

std::optional<StoreFault> test_store_folder(const fs::path& folder) {
  std::string name = (folder / ".lcr-test-XXXXXX").string();
  if (!::mkdtemp(name.data()))
    return StoreFault{"no folder can be made there",
                      "make it writable, or name another with --runs"};
  const Removal removal{name};
  write_atomic(removal.folder / "file", "old");
  write_atomic(removal.folder / "file", "new");
  if (read_text(removal.folder / "file") != "new")
    return StoreFault{"a file that was renamed keeps its old content",
                      "name a folder on a local file system with --runs"};
  const FileLock lock(removal.folder / "lock");
  if (!lock_holder(removal.folder / "lock"))
    return StoreFault{"locks hold nobody off",
                      "name a folder on a file system with flock with --runs"};
  return std::nullopt;
}

}  // namespace lcr
