// Which classes of a data set a run uses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lcr {

/// The classes that `wanted` names, among 0 to count - 1, in ascending order: "all"; "every-N" for
/// classes 0, N, 2 N and so on; or else a text file with one class number per line, in any order
/// (empty lines and what follows a # are ignored). Throws UserError if the file is missing or names
/// no class, a class twice or one that the data set lacks, and if fewer than two classes are left.
std::vector<std::int64_t> wanted_classes(const std::string& wanted, std::int64_t count);

}  // namespace lcr
