#include "lcr/data/fetch.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

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
  const fs::path partial = target.string() + ".part";
  // If two programs want the file, one fetches it. The lock file stays: removing it would let a
  // third program lock a new one at the same time.
  const FileLock lock(target.parent_path() / ("." + target.filename().string() + ".lock"));
  std::error_code error;
  std::string existing;
  const auto finished = [&] {
    fs::rename(partial, target, error);
    if (error) fail("{}: cannot be written: {}", target.string(), error.message());
  };
  if (fs::exists(target)) {
    if (matches(file, target, reason)) return;  // another program fetched it meanwhile
    existing = fmt::format("; the file that is there {}", reason);
    say("{}: {}; fetching it again\n", target.string(), reason);
  }
  Progress progress("fetch " + file.name, 1, "bytes");
  std::string last_error;
  bool fresh = !fs::exists(partial);  // whether this call has fetched all of the partial file
  double wait = options.pause_seconds;
  for (int attempt = 0; attempt < options.attempts; ++attempt) {
    if (attempt > 0) {
      progress.line(fmt::format("{}: {}; attempt {} of {} in {:.1f} s", file.url, last_error,
                                attempt + 1, options.attempts, wait));
      pause(wait);
      wait *= 2;
    }
    if (stop_requested())
      throw Interrupted("stopped by a signal while fetching " + file.name +
                        "; what has arrived is kept, and fetching again continues it");
    char message[CURL_ERROR_SIZE] = "";
    CURLcode code = CURLE_OK;
    {
      const std::unique_ptr<FILE, int (*)(FILE*)> out(std::fopen(partial.c_str(), "ab"),
                                                      std::fclose);
      if (!out) fail("{}: cannot be written: {}", partial.string(), std::strerror(errno));
      std::fseek(out.get(), 0, SEEK_END);
      const std::int64_t there = std::ftell(out.get());
      Transfer transfer{.progress = &progress,
                        .out = out.get(),
                        .start = there,
                        .already = there,
                        .limit = file.bytes > 0 ? file.bytes : kMaxDownload};
      // Complete if an earlier call was stopped just before the check.
      const bool complete = file.bytes > 0 && transfer.already >= file.bytes;
      if (!complete) {
        const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
        check_internal(curl != nullptr, "libcurl cannot be set up");
        configure(curl.get(), file, transfer, message);
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
            partial.string(), std::strerror(transfer.disk_error));
      if (transfer.too_long) code = CURLE_FILESIZE_EXCEEDED;
    }
    if (code == CURLE_ABORTED_BY_CALLBACK)
      throw Interrupted("stopped by a signal while fetching " + file.name +
                        "; what has arrived is kept, and fetching again continues it");
    if (code == CURLE_OK) {
      if (matches(file, partial, reason)) return finished();
      last_error = "the download " + reason;
      // A file that is too short is continued where it ended; anything else is fetched again from
      // the start, once: what an earlier call left may be to blame.
      if (file.bytes > 0 && static_cast<std::int64_t>(fs::file_size(partial, error)) < file.bytes)
        continue;
      fs::remove(partial, error);
      if (fresh)
        fail("{}: {}; the file changed at its source, or the download was tampered with", file.url,
             last_error);
      fresh = true;
      continue;
    }
    last_error = *message ? message : curl_easy_strerror(code);
    if (code == CURLE_FILESIZE_EXCEEDED) {
      last_error = fmt::format("the server sends more than {} bytes",
                               file.bytes > 0 ? file.bytes : kMaxDownload);
      fs::remove(partial, error);
      if (fresh) break;
      fresh = true;
    } else if (code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME) {
      fs::remove(partial, error);  // the server cannot continue it: fetch it from the start
      fresh = true;
    } else if (code == CURLE_FILE_COULDNT_READ_FILE || code == CURLE_UNSUPPORTED_PROTOCOL ||
               code == CURLE_URL_MALFORMAT ||
               (code == CURLE_HTTP_RETURNED_ERROR && std::strstr(message, "404"))) {
      break;  // trying again will not help
    }
  }
  if (fs::exists(partial) && fs::file_size(partial, error) == 0) fs::remove(partial, error);
  fail("cannot fetch {}: {}; put the file at {} by hand, or name its folder with --data-dir{}",
       file.url, last_error, target.string(), existing);
}

}  // namespace lcr
