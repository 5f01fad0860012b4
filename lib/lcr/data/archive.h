// Archives (libarchive): unpacking of downloaded ones, which nobody vouches for beyond their
// checksum, and packing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace lcr {

struct UnpackLimits {
  std::uint64_t bytes = 32ull << 30;  ///< of all files together
  std::uint64_t entries = 1'000'000;
};

/// Unpacks an archive (tar, zip; gzip, bzip2, xz) into `folder`. Only folders and regular files are
/// accepted: absolute paths, "..", links, and device files are refused, as is more than the limits
/// allow. Everything is unpacked into a folder beside and moved when it is whole: on an error,
/// which is a UserError naming the entry, nothing of it remains. What the archive holds at its top
/// must not exist in `folder` yet, unless it is a folder there and in the archive, whose entries
/// are then moved one by one.
void unpack_archive(const std::filesystem::path& archive, const std::filesystem::path& folder,
                    const UnpackLimits& limits = {});

/// Packs files into a tar.gz, written atomically: (name in the archive, file) each, in that order.
/// The same files give the same bytes: times and owners are left out. Throws UserError where a file
/// cannot be read or the archive not be written.
void pack_archive(const std::filesystem::path& archive,
                  const std::vector<std::pair<std::string, std::filesystem::path>>& files);

}  // namespace lcr
