// Reading with size limits and writing that leaves either the old file or the whole new one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lcr {

/// Reads a whole file. Throws UserError if it is missing, unreadable or larger than `max_bytes`.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// Reads a whole text file, with the limits of read_file. Leaves out the byte order mark that some
/// editors write at the start of UTF-8. Throws UserError also if a mark says that the text is in
/// UTF-16 or UTF-32.
std::string read_text(const std::filesystem::path& path, std::uint64_t max_bytes = 64ull << 20);

/// The lines of a text file, without line ends ("\n" or "\r\n"); line n is at [n - 1].
std::vector<std::string> read_lines(const std::filesystem::path& path);

/// Reads a file and decompresses it if it is in gzip format. `max_bytes` bounds the decompressed
/// size, so that a hostile file cannot fill the memory. Throws UserError on a missing, damaged or
/// truncated file.
std::vector<std::uint8_t> read_gzip(const std::filesystem::path& path, std::uint64_t max_bytes);

/// Writes `content` to a temporary file next to `path`, fsyncs it, renames it into place and fsyncs
/// the directory: whatever happens, the file is either the old one or the new one. Throws UserError
/// if it cannot be written, after removing the temporary file.
void write_atomic(const std::filesystem::path& path, std::string_view content);

/// Which temporary files count as stale.
enum class Temporaries {
  /// Those of processes of this machine that have ended: a file of a live process, or of another
  /// machine's, may still be in use.
  kOfDeadProcesses,
  /// Those of any process: for directories in which nobody else can be writing. The name of another
  /// machine or container does not tell whether its process lives.
  kAll,
};

/// The temporary files in a directory that killed processes left behind in write_atomic().
std::vector<std::filesystem::path> stale_temporaries(
    const std::filesystem::path& directory, Temporaries which = Temporaries::kOfDeadProcesses);

/// Removes the stale_temporaries() of a directory.
void remove_stale_temporaries(const std::filesystem::path& directory,
                              Temporaries which = Temporaries::kOfDeadProcesses);

/// Creates a directory and its parents and checks that files can be written there. Throws UserError
/// if not.
void require_writable_directory(const std::filesystem::path& directory);

/// A whole file mapped read-only into memory.
class MappedFile {
 public:
  /// Throws UserError if the file cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::uint8_t> bytes() const { return {data_, size_}; }

 private:
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

/// An exclusive advisory lock (flock) on a file, held for the object's lifetime. The kernel frees
/// it if the process dies, so none is ever stale. The file says who holds it.
class FileLock {
 public:
  /// What to do if the directory of the lock file is missing: throw, or create it.
  enum class MissingFolder { kFail, kMake };

  /// Waits for the lock and says once on standard error who holds it. If the file is removed or
  /// replaced meanwhile, opens it again: the lock acquired is always on the file at `path`. Throws
  /// Interrupted if a signal asks to stop during the wait, UserError if the file cannot be opened
  /// or locked, or if the directory is missing, now or later, and is not to be created.
  explicit FileLock(const std::filesystem::path& path,
                    MissingFolder missing = MissingFolder::kFail);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  void acquire(const std::filesystem::path& path, MissingFolder missing);
  int descriptor_ = -1;
};

/// Who holds the lock on this file ("process 123 on host"), or nothing if nobody does.
std::optional<std::string> lock_holder(const std::filesystem::path& path);

}  // namespace lcr
