// A restricted reader of MATLAB files (version 5, as annotations of data sets have it): numbers,
// texts, cells and structs, nothing else. Every size is checked against what is there before
// anything is allocated; libraries for this format crash on truncated files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lcr {

/// One array.
struct MatArray {
  enum class Kind { kNumbers, kText, kCells, kStructs } kind = Kind::kNumbers;
  std::vector<std::int64_t> shape;
  std::vector<double> numbers;  ///< column by column
  std::string text;             ///< of one row; characters beyond ASCII become '?'
  std::vector<MatArray>
      elements;  ///< of cells: one an entry; of structs: entry by entry, its fields in order
  std::vector<std::string> fields;  ///< of structs

  /// Entries of cells or structs.
  std::int64_t count() const;
  /// The field of the struct at `index`, or null if there is no such field.
  const MatArray* field(const std::string& name, std::int64_t index) const;
};

/// The variables of a file by name. Throws UserError on a file that is damaged, of another version
/// or byte order, larger than 64 MiB (decompressed too), or holds other kinds of arrays.
std::map<std::string, MatArray> read_mat(const std::filesystem::path& path);

}  // namespace lcr
