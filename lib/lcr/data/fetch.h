// Download of files as their descriptors in datasets/ name them.
#pragma once

#include <filesystem>

#include "lcr/data/descriptor.h"

namespace lcr {

struct FetchOptions {
  int attempts = 4;          ///< in all, with growing pauses in between
  double pause_seconds = 2;  ///< before the second attempt; doubled before each further one
};

/// Downloads one file (libcurl) to `target`. What has arrived stays in `target`.part and is
/// continued by the next attempt or call (by byte range); the file appears under its name only when
/// its size and checksums are the descriptor's. Throws UserError if it cannot be had, is another
/// file than the descriptor says, or does not fit on the disk; Interrupted on a signal.
void fetch_file(const RemoteFile& file, const std::filesystem::path& target,
                const FetchOptions& options = {});

/// Whether the file is the descriptor's; if not, `reason` says what differs.
bool matches(const RemoteFile& file, const std::filesystem::path& path, std::string& reason);

}  // namespace lcr
