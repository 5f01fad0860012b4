#include "lcr/base/failed_download.h"

#include <algorithm>
#include <string_view>

#include "lcr/base/error.h"

namespace lcr {

void refuse_failed_download(std::span<const std::uint8_t> bytes, const std::string& path) {
  if (bytes.empty()) fail("{}: is empty (0 bytes): fetch it again", path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("version https://git-lfs"))
    fail("{}: is a Git LFS pointer, not the file itself: fetch that with 'git lfs pull'", path);
  std::string first(text.substr(0, 200));
  if (first.starts_with("\xef\xbb\xbf")) first.erase(0, 3);
  first.erase(0, first.find_first_not_of(" \t\r\n"));
  std::transform(first.begin(), first.end(), first.begin(),
                 [](char c) { return 'A' <= c && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  for (const char* start : {"<!doctype html", "<html", "<head", "<?xml"})
    if (first.starts_with(start))
      fail("{}: is a web page (HTML or XML): a download failed; fetch the file again", path);
}

}  // namespace lcr
