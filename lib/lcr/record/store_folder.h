// Whether a run store can live in a folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace lcr {

/// What is wrong with a folder, and what to do.
struct StoreFault {
  std::string what, mend;
};

/// Tries what the run store needs of the file system of `folder`, which exists, in a folder that is
/// removed afterwards: files that replace others at once, and locks. Returns nothing if all works.
/// Throws UserError if a file cannot be written or locked.
std::optional<StoreFault> test_store_folder(const std::filesystem::path& folder);

}  // namespace lcr
