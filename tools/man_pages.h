// Manual pages of the suite's programs, from the tables of commands and options and from --help.
#pragma once

#include <filesystem>

namespace lcr {

/// Writes the pages of section 1 of all programs into a folder, which it makes.
void write_man_pages(const std::filesystem::path& folder);

}  // namespace lcr
