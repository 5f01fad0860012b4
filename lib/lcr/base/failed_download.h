// What people get in place of a file.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace lcr {

/// Throws UserError, which says what to do, if the content of the file at `path` is nothing, a Git
/// LFS pointer or a web page.
void refuse_failed_download(std::span<const std::uint8_t> bytes, const std::string& path);

}  // namespace lcr
