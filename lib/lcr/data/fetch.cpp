#include "lcr/data/fetch.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <curl/curl.h>
#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/progress.h"
#include "lcr/base/signals.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

// Bytes, decompressed, of a file that is checked by its content.
constexpr std::uint64_t kMaxContent = 1ull << 30;
constexpr curl_off_t kMaxDownload = curl_off_t{64} << 30;  // if the descriptor states no size

/// The state that libcurl's callbacks share.
struct Transfer {
  Progress* progress;
  FILE* out;
  std::int64_t start;    ///< bytes in the file before the transfer
  std::int64_t already;  ///< bytes in the file now
  std::int64_t limit;    ///< bytes that the whole file may have
  bool disk_failed = false, too_long = false;
  int disk_error = 0;
};

std::size_t receive(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  transfer.already += static_cast<std::int64_t>(bytes);
  if (transfer.already > transfer.limit) {
    transfer.too_long = true;
    return 0;
  }
  if (std::fwrite(data, 1, bytes, transfer.out) == bytes) return bytes;
  transfer.disk_failed = true;
  transfer.disk_error = errno;
  return 0;
}

int report(void* user, curl_off_t total, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.progress->update(transfer.already, total > 0 ? transfer.start + total : 0);
  return stop_requested() ? 1 : 0;  // 1 ends the transfer
}

/// Sets up the transfer; libcurl writes its error message to `message` (CURL_ERROR_SIZE bytes).
void configure(CURL* curl, const RemoteFile& file, Transfer& transfer, char* message) {
  curl_easy_setopt(curl, CURLOPT_URL, file.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(transfer.already));
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, report);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 20L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 100L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
}

/// Sleeps, but returns early once a signal asks to stop.
void pause(double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end && !stop_requested())
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

/// The attempts at one file, under its lock.
class Download {
 public:
  Download(const RemoteFile& file, const fs::path& target)
      : file_(file),
        target_(target),
        partial_(target.string() + ".part"),
        progress_("fetch " + file.name, 1, "bytes"),
        fresh_(!fs::exists(partial_)) {}

  /// existing: what to add to the message about a failure.
  void run(const FetchOptions& options, const std::string& existing) {
    double wait = options.pause_seconds;
    for (int attempt = 0; attempt < options.attempts; ++attempt) {
      if (attempt > 0) {
        progress_.line(fmt::format("{}: {}; attempt {} of {} in {:.1f} s", file_.url, last_error_,
                                   attempt + 1, options.attempts, wait));
        pause(wait);
        wait *= 2;
      }
      if (stop_requested()) interrupted();
      char message[CURL_ERROR_SIZE] = "";
      const CURLcode code = transfer(message);
      if (code == CURLE_ABORTED_BY_CALLBACK) interrupted();
      if (code == CURLE_OK) {
        if (keep()) return;
      } else if (!may_succeed_later(code, message)) {
        break;
      }
    }
    std::error_code error;
    if (fs::exists(partial_) && fs::file_size(partial_, error) == 0) fs::remove(partial_, error);
    fail("cannot fetch {}: {}; put the file at {} by hand, or name its folder with --data-dir{}",
         file_.url, last_error_, target_.string(), existing);
  }

 private:
  [[noreturn]] void interrupted() const {
    throw Interrupted("stopped by a signal while fetching " + file_.name +
                      "; what has arrived is kept, and fetching again continues it");
  }

  /// Fetches what the partial file lacks. message: libcurl's, of CURL_ERROR_SIZE bytes.
  CURLcode transfer(char* message) {
    const std::unique_ptr<FILE, int (*)(FILE*)> out(std::fopen(partial_.c_str(), "ab"),
                                                    std::fclose);
    if (!out) fail("{}: cannot be written: {}", partial_.string(), std::strerror(errno));
    std::fseek(out.get(), 0, SEEK_END);
    const std::int64_t there = std::ftell(out.get());
    Transfer transfer{.progress = &progress_,
                      .out = out.get(),
                      .start = there,
                      .already = there,
                      .limit = file_.bytes > 0 ? file_.bytes : kMaxDownload};
    CURLcode code = CURLE_OK;
    // Complete if an earlier call was stopped just before the check.
    const bool complete = file_.bytes > 0 && transfer.already >= file_.bytes;
    if (!complete) {
      const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
      check_internal(curl != nullptr, "libcurl cannot be set up");
      configure(curl.get(), file_, transfer, message);
      code = curl_easy_perform(curl.get());
    }
    if (std::fflush(out.get()) != 0 && !transfer.disk_failed) {
      transfer.disk_failed = true;
      transfer.disk_error = errno;
    }
    if (transfer.disk_failed)
      fail(
          "{}: cannot be written: {}; what has arrived is kept there: free some space and run "
          "again to continue",
          partial_.string(), std::strerror(transfer.disk_error));
    return transfer.too_long ? CURLE_FILESIZE_EXCEEDED : code;
  }

  /// Gives the partial file its name if it is what the descriptor says.
  bool keep() {
    std::error_code error;
    std::string reason;
    if (matches(file_, partial_, reason)) {
      fs::rename(partial_, target_, error);
      if (error) fail("{}: cannot be written: {}", target_.string(), error.message());
      return true;
    }
    last_error_ = "the download " + reason;
    // A file that is too short is continued where it ended; anything else is fetched again from
    // the start, once: what an earlier call left may be to blame.
    if (file_.bytes > 0 && static_cast<std::int64_t>(fs::file_size(partial_, error)) < file_.bytes)
      return false;
    fs::remove(partial_, error);
    if (fresh_)
      fail("{}: {}; the file changed at its source, or the download was tampered with", file_.url,
           last_error_);
    fresh_ = true;
    return false;
  }

  /// Whether it makes sense to try again after an error.
  bool may_succeed_later(CURLcode code, const char* message) {
    std::error_code error;
    last_error_ = *message ? message : curl_easy_strerror(code);
    if (code == CURLE_FILESIZE_EXCEEDED) {
      last_error_ = fmt::format("the server sends more than {} bytes",
                                file_.bytes > 0 ? file_.bytes : kMaxDownload);
      fs::remove(partial_, error);
      return !std::exchange(fresh_, true);
    }
    if (code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME) {
      fs::remove(partial_, error);  // the server cannot continue it: fetch it from the start
      fresh_ = true;
      return true;
    }
    return code != CURLE_FILE_COULDNT_READ_FILE && code != CURLE_UNSUPPORTED_PROTOCOL &&
           code != CURLE_URL_MALFORMAT &&
           !(code == CURLE_HTTP_RETURNED_ERROR && std::strstr(message, "404"));
  }

  const RemoteFile& file_;
  const fs::path& target_;
  const fs::path partial_;
  Progress progress_;
  bool fresh_;  ///< whether this call has fetched all of the partial file
  std::string last_error_;
};

}  // namespace

bool matches(const RemoteFile& file, const fs::path& path, std::string& reason) {
  std::error_code error;
  const auto size = static_cast<std::int64_t>(fs::file_size(path, error));
  if (error) {
    reason = "cannot be read";
    return false;
  }
  if (file.bytes > 0 && size != file.bytes) {
    reason = fmt::format("has {} bytes instead of {}", size, file.bytes);
    return false;
  }
  const auto compare = [&](const char* what, const std::string& expected,
                           const std::string& found) {
    if (expected.empty() || found == expected) return true;
    reason = fmt::format("has {} {} instead of {}", what, found, expected);
    return false;
  };
  if (!file.content_sha256.empty()) {
    try {
      const auto content = read_gzip(path, kMaxContent);
      if (!compare("content SHA-256", file.content_sha256,
                   sha256_hex({reinterpret_cast<const char*>(content.data()), content.size()})))
        return false;
    } catch (const UserError& e) {
      reason = e.what();
      return false;
    }
  }
  return (file.sha256.empty() || compare("SHA-256", file.sha256, sha256_file(path))) &&
         (file.md5.empty() || compare("MD5", file.md5, md5_file(path)));
}

void fetch_file(const RemoteFile& file, const fs::path& target, const FetchOptions& options) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  std::string reason;
  if (fs::exists(target) && matches(file, target, reason)) return;
  require_writable_directory(target.parent_path());
  // If two programs want the file, one fetches it. The lock file stays: removing it would let a
  // third program lock a new one at the same time.
  const FileLock lock(target.parent_path() / ("." + target.filename().string() + ".lock"));
  std::string existing;
  if (fs::exists(target)) {
    if (matches(file, target, reason)) return;  // another program fetched it meanwhile
    existing = fmt::format("; the file that is there {}", reason);
    say("{}: {}; fetching it again\n", target.string(), reason);
  }
  Download(file, target).run(options, existing);
}

}  // namespace lcr
