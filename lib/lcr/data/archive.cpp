#include "lcr/data/archive.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/progress.h"
#include "lcr/base/signals.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// A folder that is removed with everything in it.
struct ScratchFolder {
  fs::path path;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

/// An entry's path inside the folder; fails if it would lead outside.
fs::path safe_path(const char* name, const fs::path& archive) {
  if (!name || !*name) fail("{}: an entry has no name", archive.string());
  const fs::path path(name);
  fs::path clean;
  for (const auto& part : path) {
    if (part == "..") fail("{}: entry '{}' leaves the folder", archive.string(), name);
    if (part != ".") clean /= part;
  }
  if (path.is_absolute()) fail("{}: entry '{}' has an absolute path", archive.string(), name);
  return clean;
}

/// Syncs the file system that a folder is on. Ignores errors, as some file systems cannot.
void sync_file_system(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::syncfs(descriptor);
  ::close(descriptor);
}

bool same_content(const fs::path& a, const fs::path& b) {
  if (!fs::is_regular_file(a) || !fs::is_regular_file(b) || fs::file_size(a) != fs::file_size(b))
    return false;
  if (fs::file_size(a) == 0) return true;
  const MappedFile first(a), second(b);
  return std::equal(first.bytes().begin(), first.bytes().end(), second.bytes().begin());
}

/// Fails if something in `from` would overwrite something else in `to`. Folders that exist on both
/// sides are merged; identical files are from an unpacking that was killed while it moved them.
void require_room(const fs::path& from, const fs::path& to) {
  for (const auto& entry : fs::directory_iterator(from)) {
    const fs::path target = to / entry.path().filename();
    if (!fs::exists(target)) continue;
    if (same_content(entry.path(), target)) continue;
    if (!entry.is_directory() || !fs::is_directory(target))
      fail("{}: already exists; remove it to unpack the archive again", target.string());
    require_room(entry.path(), target);
  }
}

/// Moves the contents of `from` into `to`.
void move_into(const fs::path& from, const fs::path& to) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(from)) entries.push_back(entry.path());
  for (const auto& entry : entries) {
    const fs::path target = to / entry.filename();
    if (fs::is_directory(target)) {
      move_into(entry, target);
      continue;
    }
    std::error_code error;
    fs::rename(entry, target, error);
    if (error) fail("{}: cannot be written: {}", target.string(), error.message());
  }
}

/// Unpacks an archive's entries into a folder that is empty.
class Unpacker {
 public:
  Unpacker(const fs::path& archive_path, const fs::path& folder, const UnpackLimits& limits)
      : path_(archive_path),
        name_(archive_path.string()),
        folder_(folder),
        limits_(limits),
        reader_(archive_read_new(), archive_read_free) {
    check_internal(reader_ != nullptr, "libarchive cannot be set up");
    archive_read_support_filter_gzip(reader_.get());
    archive_read_support_filter_bzip2(reader_.get());
    archive_read_support_filter_xz(reader_.get());
    archive_read_support_format_tar(reader_.get());
    archive_read_support_format_zip(reader_.get());
    if (archive_read_open_filename(reader_.get(), path_.c_str(), 1 << 20) != ARCHIVE_OK) complain();
  }

  void run() {
    Progress progress("unpack " + path_.filename().string(),
                      static_cast<std::int64_t>(fs::file_size(path_)), "bytes");
    std::uint64_t entries = 0;
    for (;;) {
      if (stop_requested())
        throw Interrupted("stopped by a signal while unpacking " + name_ +
                          "; nothing of it is kept");
      archive_entry* entry = nullptr;
      const int code = archive_read_next_header(reader_.get(), &entry);
      if (code == ARCHIVE_EOF) break;
      if (code != ARCHIVE_OK && code != ARCHIVE_WARN) complain();
      if (++entries > limits_.entries)
        fail("{}: holds more than {} entries", name_, limits_.entries);
      const fs::path path = checked_path(entry);
      if (archive_entry_filetype(entry) == AE_IFDIR) {
        make_folder(path);
      } else {
        write_file(path);
        progress.update(archive_filter_bytes(reader_.get(), -1));
      }
    }
    if (entries == 0) fail("{}: is empty or not an archive", name_);
  }

 private:
  [[noreturn]] void complain() const {
    fail("{}: cannot be unpacked: {}", name_,
         archive_error_string(reader_.get()) ? archive_error_string(reader_.get()) : "damaged");
  }

  [[noreturn]] void cannot_write(const fs::path& path, const std::string& reason) const {
    fail("{}: entry '{}' cannot be written: {}", name_, path.string(), reason);
  }

  fs::path checked_path(archive_entry* entry) const {
    fs::path path = safe_path(archive_entry_pathname(entry), path_);
    const auto type = archive_entry_filetype(entry);
    if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) ||
        (type != AE_IFREG && type != AE_IFDIR))
      fail("{}: entry '{}' is a link or a special file, which no data set needs", name_,
           path.string());
    return path;
  }

  void make_folder(const fs::path& path) const {
    std::error_code error;
    fs::create_directories(folder_ / path, error);
    if (error) fail("{}: entry '{}' cannot be created: {}", name_, path.string(), error.message());
  }

  /// Writes the content of the current entry.
  void write_file(const fs::path& path) {
    const fs::path target = folder_ / path;
    if (path.empty() || fs::exists(target))
      fail("{}: entry '{}' occurs twice", name_, path.string());
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    const std::unique_ptr<FILE, int (*)(FILE*)> out(
        error ? nullptr : std::fopen(target.c_str(), "wb"),
        [](FILE* f) { return f ? std::fclose(f) : 0; });
    if (!out) cannot_write(path, error ? error.message() : std::strerror(errno));
    for (;;) {
      const la_ssize_t got = archive_read_data(reader_.get(), block_.data(), block_.size());
      if (got == 0) break;
      if (got < 0) complain();
      bytes_ += static_cast<std::uint64_t>(got);
      if (bytes_ > limits_.bytes) fail("{}: unpacks to more than {} bytes", name_, limits_.bytes);
      if (std::fwrite(block_.data(), 1, static_cast<std::size_t>(got), out.get()) !=
          static_cast<std::size_t>(got))
        cannot_write(path, std::strerror(errno));
    }
    if (std::fflush(out.get()) != 0) cannot_write(path, std::strerror(errno));
  }

  const fs::path& path_;
  const std::string name_;
  const fs::path& folder_;
  const UnpackLimits& limits_;
  const std::unique_ptr<archive, int (*)(archive*)> reader_;
  std::vector<char> block_ = std::vector<char>(1 << 20);
  std::uint64_t bytes_ = 0;
};

la_ssize_t append(archive*, void* out, const void* bytes, std::size_t size) {
  static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

}  // namespace

void unpack_archive(const fs::path& archive_path, const fs::path& folder,
                    const UnpackLimits& limits) {
  require_writable_directory(folder);
  const ScratchFolder scratch{folder / fmt::format(".unpack-{}", archive_path.filename().string())};
  fs::remove_all(scratch.path);  // left over from a killed process
  fs::create_directory(scratch.path);
  Unpacker(archive_path, scratch.path, limits).run();
  require_room(scratch.path, folder);
  // What is moved into place must be complete even after a power failure.
  sync_file_system(scratch.path);
  move_into(scratch.path, folder);
}

void pack_archive(const fs::path& archive_path,
                  const std::vector<std::pair<std::string, fs::path>>& files) {
  std::string packed;
  const std::unique_ptr<archive, int (*)(archive*)> out(archive_write_new(), archive_write_free);
  const auto check = [&](la_ssize_t code) {
    if (code < ARCHIVE_OK)
      fail("{}: cannot be packed: {}", archive_path.string(), archive_error_string(out.get()));
  };
  check(archive_write_add_filter_gzip(out.get()));
  check(archive_write_set_options(out.get(), "gzip:!timestamp"));
  check(archive_write_set_format_pax_restricted(out.get()));
  check(archive_write_open(out.get(), &packed, nullptr, append, nullptr));
  for (const auto& [name, path] : files) {
    const auto bytes = read_file(path, 1ull << 30);
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                         archive_entry_free);
    archive_entry_set_pathname_utf8(entry.get(), name.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), 0644);
    check(archive_write_header(out.get(), entry.get()));
    check(archive_write_data(out.get(), bytes.data(), bytes.size()));
  }
  check(archive_write_close(out.get()));
  write_atomic(archive_path, packed);
}

}  // namespace lcr
