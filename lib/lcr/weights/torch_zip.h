// Unpacks the zip archives of torch.save.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lcr {

/// A file in an archive: where its content is in the buffer.
struct ZipEntry {
  std::string path;
  std::uint64_t begin = 0, size = 0;
};

/// Unpacks an archive's files into one buffer, each at a multiple of 16 bytes. Throws UserError,
/// which calls the archive `name`, if it is damaged, has data.pkl twice or unpacks to more than
/// four times its size.
std::vector<ZipEntry> unpack_zip(const std::vector<std::uint8_t>& bytes,
                                 std::vector<std::uint8_t>& out, const std::string& name);

}  // namespace lcr
