#include "lcr/base/files.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lcr/base/error.h"
#include "lcr/base/signals.h"
#include "lcr/base/text.h"

namespace lcr {
namespace fs = std::filesystem;

std::vector<std::uint8_t> read_file(const fs::path& path, std::uint64_t max_bytes) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) fail("{}: no such file", path.string());
  const std::uint64_t size = fs::file_size(path, error);
  if (error) fail("{}: cannot read its size: {}", path.string(), error.message());
  if (size > max_bytes)
    fail("{}: has {} bytes, more than the {} this format can have", path.string(), size, max_bytes);
  std::ifstream in(path, std::ios::binary);
  std::vector<std::uint8_t> bytes(size);
  auto* const data = reinterpret_cast<char*>(bytes.data());
  if (!in || (size > 0 && !in.read(data, static_cast<std::streamsize>(size))))
    fail("{}: cannot be read", path.string());
  return bytes;
}

std::string read_text(const fs::path& path, std::uint64_t max_bytes) {
  const auto bytes = read_file(path, max_bytes);
  std::string text(bytes.begin(), bytes.end());
  using namespace std::string_view_literals;
  // The mark of little-endian UTF-32 begins as that of UTF-16 does.
  for (const auto& [mark, encoding] :
       {std::pair("\xFF\xFE\0\0"sv, "UTF-32"), std::pair("\0\0\xFE\xFF"sv, "UTF-32"),
        std::pair("\xFF\xFE"sv, "UTF-16"), std::pair("\xFE\xFF"sv, "UTF-16")})
    if (text.starts_with(mark))
      fail("{}: is text in {}; save it again in UTF-8", path.string(), encoding);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return text;
}

std::vector<std::string> read_lines(const fs::path& path) {
  auto lines = split(read_text(path), '\n');
  for (auto& line : lines)
    if (!line.empty() && line.back() == '\r') line.pop_back();
  return lines;
}

std::vector<std::uint8_t> read_gzip(const fs::path& path, std::uint64_t max_bytes) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) fail("{}: no such file", path.string());
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) fail("{}: cannot be read: {}", path.string(), std::strerror(errno));
  std::vector<std::uint8_t> bytes;
  constexpr std::size_t kBlock = 1 << 20;
  for (;;) {
    const std::size_t old_size = bytes.size();
    bytes.resize(old_size + kBlock);
    const int got = gzread(file.get(), bytes.data() + old_size, kBlock);
    int code = Z_OK;
    if (got < 0) fail("{}: damaged gzip data: {}", path.string(), gzerror(file.get(), &code));
    bytes.resize(old_size + static_cast<std::size_t>(got));
    if (bytes.size() > max_bytes)
      fail("{}: decompresses to more than {} bytes", path.string(), max_bytes);
    if (static_cast<std::size_t>(got) < kBlock) {
      gzerror(file.get(), &code);
      if (code == Z_BUF_ERROR) fail("{}: truncated gzip data", path.string());
      return bytes;
    }
  }
}

namespace {

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && *name ? name : "localhost";
}

/// A temporary file is called <file>.tmp-<host>-<process>.
constexpr std::string_view kTemporaryMark = ".tmp-";

bool is_dead(std::int64_t process) {
  if (::kill(static_cast<pid_t>(process), 0) != 0) return errno == ESRCH;
  // It may have ended without being waited for: the state follows the name in parentheses.
  std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(stat, text);
  const auto name_end = text.rfind(')');
  return name_end != std::string::npos && name_end + 2 < text.size() &&
         (text[name_end + 2] == 'Z' || text[name_end + 2] == 'X');
}

/// Syncs a directory: a rename is durable only once its directory is on disk. Ignores errors, as
/// some file systems cannot sync directories.
void sync_directory(const fs::path& directory) {
  const int descriptor =
      ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

std::vector<fs::path> stale_temporaries(const fs::path& directory, Temporaries which) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    const auto mark = name.rfind(kTemporaryMark);
    const auto process_mark = name.rfind('-');
    if (mark == std::string::npos || process_mark <= mark + kTemporaryMark.size()) continue;
    const auto host_begin = mark + kTemporaryMark.size();
    const std::string host = name.substr(host_begin, process_mark - host_begin);
    const auto process = parse_integer(name.substr(process_mark + 1));
    if (process && *process > 0 &&
        (which == Temporaries::kAll || (host == host_name() && is_dead(*process))))
      found.push_back(entry.path());
  }
  return found;
}

void remove_stale_temporaries(const fs::path& directory, Temporaries which) {
  std::error_code ignored;
  for (const auto& path : stale_temporaries(directory, which)) fs::remove(path, ignored);
}

void write_atomic(const fs::path& path, std::string_view content) {
  const fs::path temporary =
      fmt::format("{}{}{}-{}", path.string(), kTemporaryMark, host_name(), ::getpid());
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) fail("{}: cannot be written: {}", path.string(), std::strerror(errno));
  const char* cursor = content.data();
  std::size_t left = content.size();
  bool good = true;
  while (good && left > 0) {
    const ssize_t written = ::write(descriptor, cursor, left);
    if (written < 0 && errno == EINTR) continue;
    good = written > 0;
    if (good) {
      cursor += written;
      left -= static_cast<std::size_t>(written);
    }
  }
  good = good && ::fsync(descriptor) == 0;
  int error = errno;
  good = ::close(descriptor) == 0 && good;
  if (good && ::rename(temporary.c_str(), path.c_str()) != 0) {
    error = errno;
    good = false;
  }
  if (!good) {
    ::unlink(temporary.c_str());
    fail("{}: cannot be written: {}", path.string(), std::strerror(error));
  }
  sync_directory(path.parent_path());
}

void require_writable_directory(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (!fs::is_directory(directory))
    fail("{}: the directory cannot be created{}{}", directory.string(), error ? ": " : "",
         error.message());
  const fs::path probe =
      directory / fmt::format(".probe{}{}-{}", kTemporaryMark, host_name(), ::getpid());
  const int descriptor = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0)
    fail("{}: directory cannot be written: {}", directory.string(), std::strerror(errno));
  ::close(descriptor);
  ::unlink(probe.c_str());
}

MappedFile::MappedFile(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("{}: cannot be opened: {}", path.string(), std::strerror(errno));
  struct stat status {};
  void* mapped = MAP_FAILED;
  if (::fstat(descriptor, &status) == 0 && status.st_size > 0)
    mapped = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED,
                    descriptor, 0);
  const int error = errno;
  ::close(descriptor);
  // Not a UserError: nothing is wrong with the file, which may be a checkpoint to keep.
  if (mapped == MAP_FAILED && status.st_size > 0 && error == ENOMEM)
    throw std::system_error(error, std::generic_category(), path.string());
  if (mapped == MAP_FAILED)
    fail("{}: cannot be mapped into memory: {}", path.string(),
         status.st_size > 0 ? std::strerror(error) : "it is empty");
  data_ = static_cast<const std::uint8_t*>(mapped);
  size_ = static_cast<std::size_t>(status.st_size);
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::uint8_t*>(data_), size_); }

namespace {
std::string holder_text(int descriptor) {
  char text[300] = {};
  const ssize_t got = ::pread(descriptor, text, sizeof text - 1, 0);
  const std::string holder = got > 0 ? split(text, '\n').front() : "";
  return holder.empty() ? "another process" : printable(holder);
}
}  // namespace

std::optional<std::string> lock_holder(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  std::optional<std::string> holder;
  if (::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    holder = holder_text(descriptor);
  ::close(descriptor);
  return holder;
}

FileLock::FileLock(const fs::path& path, MissingFolder missing) {
  for (;;) {
    acquire(path, missing);
    // The file may have been removed or replaced during the wait; a lock on the old one would keep
    // nobody else out.
    struct stat own {};
    struct stat current {};
    if (::fstat(descriptor_, &own) == 0 && ::stat(path.c_str(), &current) == 0 &&
        own.st_ino == current.st_ino && own.st_dev == current.st_dev)
      break;
    ::close(descriptor_);
  }
  // For people only: a full disk is no reason to stop.
  const std::string self = fmt::format("process {} on {}\n", ::getpid(), host_name());
  [[maybe_unused]] const bool written =
      ::ftruncate(descriptor_, 0) == 0 && ::pwrite(descriptor_, self.data(), self.size(), 0) > 0;
}

void FileLock::acquire(const fs::path& path, MissingFolder missing) {
  while ((descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) < 0) {
    if (errno != ENOENT || missing == MissingFolder::kFail)
      fail("{}: cannot be opened for locking: {}", path.string(), std::strerror(errno));
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) fail("{}: cannot be created: {}", path.parent_path().string(), error.message());
  }
  int failures = 0;
  while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error == EWOULDBLOCK || error == EINTR) {
      if (!stop_requested()) {
        // The first failure may be due to lock_holder(), which has the lock for an instant.
        if (++failures == 2)
          say("waiting for {}, held by {}\n", path.string(), holder_text(descriptor_));
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        continue;
      }
      ::close(descriptor_);
      throw Interrupted("stopped by a signal while waiting for " + path.string());
    }
    ::close(descriptor_);
    fail("{}: cannot be locked: {}", path.string(), std::strerror(error));
  }
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace lcr
