#include "lcr/data/fetch.h"

#include <curl/curl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/progress.h"
#include "lcr/base/signals.h"

namespace lcr {

DatasetDescriptor read_descriptor(const std::filesystem::path& path) {
  try {
    const auto json = nlohmann::json::parse(read_text(path, 1 << 20));
    DatasetDescriptor descriptor{json.at("name"), json.at("title"), json.at("licence"), json.at("citation"), {}};
    for (const auto& file : json.at("files")) descriptor.files.push_back({file.at("url"), file.at("name"), file.at("sha256")});
    return descriptor;
  } catch (const nlohmann::json::exception& e) {
    fail("{}: malformed data set descriptor: {}", path.string(), e.what());
  }
}

void fetch_file(const RemoteFile& file, const std::filesystem::path& target) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  std::error_code error;
  std::filesystem::create_directories(target.parent_path(), error);
  const std::filesystem::path partial = target.string() + ".part" + std::to_string(::getpid());
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
  check_internal(curl != nullptr, "libcurl cannot be set up");
  {
    const std::unique_ptr<FILE, int (*)(FILE*)> out(std::fopen(partial.c_str(), "wb"), std::fclose);
    if (!out) fail("{}: cannot be written", partial.string());
    Progress progress("fetch " + file.name, 1, "bytes");
    const auto report = +[](void* user, curl_off_t total, curl_off_t now, curl_off_t, curl_off_t) -> int {
      static_cast<Progress*>(user)->update(now, total);
      return stop_requested() ? 1 : 0;  // 1 ends the transfer
    };
    char reason[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl.get(), CURLOPT_URL, file.url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, out.get());
    curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, report);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &progress);
    curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 20L);
    curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 100L);
    curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, 60L);
    const CURLcode code = curl_easy_perform(curl.get());
    if (code == CURLE_ABORTED_BY_CALLBACK) {
      std::filesystem::remove(partial, error);
      throw Interrupted("stopped by a signal while fetching " + file.name);
    }
    if (code != CURLE_OK || std::fflush(out.get()) != 0) {
      std::filesystem::remove(partial, error);
      fail("cannot fetch {}: {}; put the file at {} by hand, or name its folder with --data-dir", file.url,
           code != CURLE_OK ? (*reason ? reason : curl_easy_strerror(code)) : "the disk is full", target.string());
    }
  }
  try {
    constexpr std::uint64_t kMaxBytes = 1ull << 30;
    const auto content = read_gzip(partial, kMaxBytes);
    Sha256 hash;
    hash.update(content.data(), content.size());
    if (const auto sum = hash.hex(); sum != file.sha256)
      fail("{}: its content has SHA-256 {} instead of {}; the file changed at its source, or the download was tampered with", file.url, sum, file.sha256);
  } catch (...) {
    std::filesystem::remove(partial, error);
    throw;
  }
  std::filesystem::rename(partial, target, error);
  if (error) fail("{}: cannot be written: {}", target.string(), error.message());
}

}  // namespace lcr
