// Archives (libarchive): packing, and unpacking of downloaded ones, which are untrusted beyond
// their checksum.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace lcr {

/// The most that an archive may unpack to.
struct UnpackLimits {
  std::uint64_t bytes = 32ull << 30;  ///< of all files together
  std::uint64_t entries = 1'000'000;
};

/// Unpacks an archive (tar, zip; gzip, bzip2, xz) into `folder`. Only folders and regular files are
/// accepted: absolute paths, "..", links and device files are refused, as is anything beyond the
/// limits. Everything is unpacked into a temporary subfolder and moved into place once it is
/// complete: after an error nothing of it remains. Folders that exist already are merged with the
/// archive's; anything else that exists already must be an identical file. Throws UserError naming
/// the entry; Interrupted on a signal.
void unpack_archive(const std::filesystem::path& archive, const std::filesystem::path& folder,
                    const UnpackLimits& limits = {});

/// Packs files into a tar.gz, written atomically. `files`: (name in the archive, file), packed in
/// this order. The same files give the same bytes: times and owners are left out. Throws UserError
/// if a file cannot be read or the archive cannot be written.
void pack_archive(const std::filesystem::path& archive,
                  const std::vector<std::pair<std::string, std::filesystem::path>>& files);

}  // namespace lcr
