#include "lcr/weights/torch_zip.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

/// The checksums of a zip archive's entries by their paths, from its directory. Empty where it has
/// none that can be read; libarchive complains about such a file.
std::map<std::string, std::uint32_t> zip_checksums(const std::vector<std::uint8_t>& bytes) {
  constexpr std::size_t kEnd = 22, kEnd64 = 56, kLocator = 20, kHeader = 46;
  const auto number = [&](std::size_t at, std::size_t size) {  // little-endian
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size && at + i < bytes.size(); ++i)
      value |= static_cast<std::uint64_t>(bytes[at + i]) << (8 * i);
    return value;
  };
  const auto is = [&](std::uint64_t at, const char* signature) {
    return at <= bytes.size() && bytes.size() - at >= 4 &&
           std::memcmp(bytes.data() + at, signature, 4) == 0;
  };
  std::map<std::string, std::uint32_t> sums;
  if (bytes.size() < kEnd) return sums;
  // The end of the directory has a comment of up to 64 KiB behind it.
  std::size_t end = bytes.size() - kEnd;
  const std::size_t last = end > 0xffff ? end - 0xffff : 0;
  while (end > last && !is(end, "PK\x05\x06")) --end;
  std::uint64_t at = number(end + 16, 4);
  if (end >= kLocator && is(end - kLocator, "PK\x06\x07")) {
    const std::uint64_t end64 = number(end - kLocator + 8, 8);
    if (is(end64, "PK\x06\x06") && bytes.size() - end64 >= kEnd64) at = number(end64 + 48, 8);
  }
  while (is(at, "PK\x01\x02") && bytes.size() - at >= kHeader) {
    const std::uint64_t length = number(at + 28, 2);
    if (bytes.size() - at - kHeader < length) break;
    const auto path = bytes.begin() + static_cast<std::ptrdiff_t>(at + kHeader);
    sums[{path, path + static_cast<std::ptrdiff_t>(length)}] =
        static_cast<std::uint32_t>(number(at + 16, 4));
    at += kHeader + length + number(at + 30, 2) + number(at + 32, 2);
  }
  return sums;
}

/// Whether the entry's content has the checksum that the archive's directory says. 0 stands for
/// none.
bool has_checksum(const std::map<std::string, std::uint32_t>& sums, const ZipEntry& entry,
                  const std::vector<std::uint8_t>& bytes) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  return true;  // a fuzzer would never get past the checksums
#endif
  const auto sum = sums.find(entry.path);
  if (sum == sums.end()) return false;
  const std::uint8_t* content = bytes.data() + entry.begin;
  return sum->second == 0 || crc32_z(0, content, entry.size) == sum->second;
}

}  // namespace

std::vector<ZipEntry> unpack_zip(const std::vector<std::uint8_t>& bytes,
                                 std::vector<std::uint8_t>& out, const std::string& name) {
  const std::unique_ptr<archive, int (*)(archive*)> reader(archive_read_new(), archive_read_free);
  check_internal(reader != nullptr, "libarchive cannot be set up");
  const auto complain = [&] {
    const char* reason = archive_error_string(reader.get());
    fail("{}: is a damaged or truncated zip archive: {}", name,
         reason ? reason : "no reason given");
  };
  archive_read_support_format_zip_seekable(reader.get());
  // libarchive would refuse the zeros that torch.save writes if it is told to leave checksums out.
  // They are compared below.
  archive_read_set_options(reader.get(), "zip:ignorecrc32");
  const auto checksums = zip_checksums(bytes);
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) complain();
  // torch.save does not compress; a zip bomb does.
  const std::uint64_t limit = 4 * bytes.size() + (1 << 20);
  std::vector<ZipEntry> entries;
  std::vector<std::uint8_t> block(1 << 20);
  out.reserve(bytes.size());
  for (;;) {
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(reader.get(), &entry);
    if (code == ARCHIVE_EOF) return entries;
    if (code != ARCHIVE_OK) complain();
    const char* path = archive_entry_pathname(entry);
    if (!path || entries.size() == 1'000'000)
      fail("{}: is a damaged zip archive: entries without names, or too many", name);
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    out.resize((out.size() + 15) / 16 * 16);  // elements aligned
    ZipEntry found{path, out.size(), 0};
    for (;;) {
      const la_ssize_t got = archive_read_data(reader.get(), block.data(), block.size());
      if (got == 0) break;
      if (got < 0) complain();
      if (out.size() + static_cast<std::uint64_t>(got) > limit)
        fail("{}: unpacks to more than four times its size: not a file of torch.save", name);
      out.insert(out.end(), block.begin(), block.begin() + got);
    }
    found.size = out.size() - found.begin;
    if (!has_checksum(checksums, found, out))
      fail("{}: is a damaged zip archive: bad CRC of {}", name, printable(found.path));
    if (found.path.ends_with("/data.pkl") &&
        std::any_of(entries.begin(), entries.end(),
                    [&](const ZipEntry& other) { return other.path == found.path; }))
      fail("{}: has data.pkl twice", name);
    entries.push_back(std::move(found));
  }
}

}  // namespace lcr
