#include "lcr/base/csv.h"

#include <algorithm>

namespace lcr {
namespace {

/// The length of the UTF-8 character at the start of the text; 0 if there is none, or it is NUL.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) == 0) return 0;
  if (byte(0) < 0x80) return 1;
  std::size_t length = 0;
  if (byte(0) >= 0xC2 && byte(0) < 0xE0) length = 2;
  if (byte(0) >= 0xE0 && byte(0) < 0xF0) length = 3;
  if (byte(0) >= 0xF0 && byte(0) < 0xF5) length = 4;
  if (length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  return length;
}

void require_utf8(std::string_view text, const std::filesystem::path& path) {
  std::size_t line = 1;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0)
      fail("{}:{}: is damaged or not in UTF-8; save the file again as 'CSV UTF-8'", path.string(),
           line);
    line += text.front() == '\n';
    text.remove_prefix(length);
  }
}

void require_commas(std::string_view text, const std::filesystem::path& path) {
  // The header's names have no commas in them.
  const auto begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const auto header = text.substr(begin, text.find_first_of("\r\n", begin) - begin);
  if (header.find(',') != std::string_view::npos) return;
  for (const auto& [separator, name] : {std::pair(';', "semicolons"), std::pair('\t', "tabs")})
    if (header.find(separator) != std::string_view::npos)
      fail(
          "{}: its columns are separated by {} instead of commas; save it again as CSV with commas "
          "and decimal points",
          path.string(), name);
}

}  // namespace

std::string read_csv_text(const std::filesystem::path& path) {
  constexpr std::uint64_t kMaxBytes = 256ull << 20;
  std::string text = read_text(path, kMaxBytes);
  require_utf8(text, path);
  require_commas(text, path);
  if (text.find('\n') == std::string::npos) std::replace(text.begin(), text.end(), '\r', '\n');
  return text;
}

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    const bool ends_line = c == '\n' || c == '\r';
    quoted += ends_line ? ' ' : c;  // the reader is line-based: a cell must not span lines
  }
  return quoted + "\"";
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += (i > 0 ? "," : "") + csv_cell(cells[i]);
  return line + "\n";
}

}  // namespace lcr
