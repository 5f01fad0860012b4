// Downloads files that the descriptors in datasets/ name.
#pragma once

#include <filesystem>

#include "lcr/data/descriptor.h"

namespace lcr {

/// How often to try.
struct FetchOptions {
  int attempts = 4;          ///< in total, with growing pauses between them
  double pause_seconds = 2;  ///< before the second attempt; doubled before each further one
};

/// Downloads one file (libcurl) to `target`. What has arrived stays in `target`.part and is
/// continued by the next attempt or call (by byte range); the file appears under its name only when
/// its size and checksums match the descriptor. Throws UserError if the file cannot be fetched,
/// does not match its descriptor or does not fit on the disk; Interrupted on a signal.
void fetch_file(const RemoteFile& file, const std::filesystem::path& target,
                const FetchOptions& options = {});

/// Whether the file at `path` matches `file`; if not, `reason` says what differs.
bool matches(const RemoteFile& file, const std::filesystem::path& path, std::string& reason);

}  // namespace lcr
