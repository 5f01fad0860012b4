// A restricted reader of MATLAB files (version 5, the format of data sets' annotations): numbers of
// every class, text, cells and structs only. Every size is checked against the bytes present before
// anything is allocated; libraries for this format crash on truncated files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lcr {

/// One array; only the members of its kind are filled.
struct MatArray {
  enum class Kind { kNumbers, kText, kCells, kStructs } kind = Kind::kNumbers;
  std::vector<std::int64_t> shape;
  std::vector<double> numbers;  ///< column-major; 64-bit integers beyond 2^53 are rounded
  std::string text;             ///< of one row; non-ASCII characters become '?'
  /// Cells: one per entry. Structs: entry by entry, each with its fields in order.
  std::vector<MatArray> elements;
  std::vector<std::string> fields;  ///< names of a struct's fields

  /// The number of entries of cells or structs.
  std::int64_t count() const;
  /// The field of the struct at `index`, or null if there is no such field.
  const MatArray* field(const std::string& name, std::int64_t index) const;
};

/// The variables of a file by name. Throws UserError if the file is damaged, has another version or
/// byte order, is larger than 64 MiB (also when decompressed), or holds other kinds of arrays.
std::map<std::string, MatArray> read_mat(const std::filesystem::path& path);

}  // namespace lcr
