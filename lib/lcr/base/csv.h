// Reading and writing CSV (RFC 4180, comma, double quotes). Cells are text: the code that reads a
// column parses its numbers, so that an empty cell stays "unknown" and never becomes 0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "lcr/base/error.h"
#include "lcr/base/files.h"

// CSV_IO_NO_THREAD: read on the calling thread. The ignored warning is about long file names, which
// the library truncates in its error messages on purpose.
#define CSV_IO_NO_THREAD
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstringop-truncation"
#include <libfccp/csv.h>
#pragma GCC diagnostic pop

namespace lcr {

/// Quotes a cell if it needs it; line breaks become blanks, as read_csv() is line-based.
std::string csv_cell(std::string_view text);

/// One line of CSV with its newline.
std::string csv_line(const std::vector<std::string>& cells);

/// The text of a CSV file, with "\n" where its lines end in "\r" alone. Throws UserError if it is
/// not in UTF-8 or its columns are not separated by commas: spreadsheets save so in some countries.
std::string read_csv_text(const std::filesystem::path& path);

/// Lines without content, as spreadsheets leave them: blank, or with separators and quotes only.
struct EmptyCsvLine {
  static bool is_comment(const char* line) { return line[std::strspn(line, " \t,\"")] == '\0'; }
};

/// Reads the named columns, in that order, from a CSV file with a header line; other columns and
/// lines without content are ignored. Throws UserError naming the file (and line) if the file or a
/// column is missing, a line is malformed, or read_csv_text() refuses it.
template <std::size_t N>
std::vector<std::array<std::string, N>> read_csv(const std::filesystem::path& path,
                                                 const std::array<const char*, N>& columns) {
  const std::string text = read_csv_text(path);
  std::vector<std::array<std::string, N>> rows;
  try {
    io::CSVReader<N, io::trim_chars<>, io::double_quote_escape<',', '"'>, io::throw_on_overflow,
                  EmptyCsvLine>
        reader(path.string(), text.data(), text.data() + text.size());
    std::apply([&](auto... name) { reader.read_header(io::ignore_extra_column, name...); },
               columns);
    std::array<std::string, N> row;
    while (std::apply([&](auto&... cell) { return reader.read_row(cell...); }, row))
      rows.push_back(row);
  } catch (const io::error::base& e) {
    fail("{}: {}", path.string(), e.what());
  }
  return rows;
}

}  // namespace lcr
