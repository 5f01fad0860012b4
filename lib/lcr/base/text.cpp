#include "lcr/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

#include <fmt/core.h>

namespace lcr {
namespace {

template <typename Number>
std::optional<Number> parse(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
  return parse<std::int64_t>(text);
}
std::optional<double> parse_number(std::string_view text) { return parse<double>(text); }

std::string format_number(double value) { return fmt::format("{}", value); }

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) break;
    text.remove_prefix(at + 1);
    if (text.empty()) parts.emplace_back();
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const auto& part : parts) {
    if (&part != parts.data()) text += separator;
    text += part;
  }
  return text;
}

std::string join_first(const std::vector<std::string>& parts) {
  constexpr std::size_t kMost = 8;
  if (parts.size() <= kMost) return join(parts, ", ");
  return join({parts.begin(), parts.begin() + kMost}, ", ") +
         fmt::format(" and {} more", parts.size() - kMost);
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, 80));
  for (char& c : out)
    if (c < 0x20 || c > 0x7e) c = '?';
  return out;
}

std::string describe_differences(std::string_view there, std::string_view here) {
  std::map<std::string, std::array<std::string, 2>> values;
  for (const int side : {0, 1})
    for (const auto& line : split(side == 0 ? there : here, '\n')) {
      if (line.empty() || line.front() == '#') continue;
      const auto equals = line.find('=');
      std::string name = line.substr(0, equals);
      std::string value = equals == std::string::npos ? "" : line.substr(equals + 1);
      if (name.ends_with(' ')) name.pop_back();
      if (value.starts_with(' ')) value.erase(0, 1);
      values[name][static_cast<std::size_t>(side)] = value.empty() ? "empty" : value;
    }
  std::vector<std::string> parts;
  for (const auto& [name, sides] : values) {
    if (sides[0] == sides[1]) continue;
    // Long values are cut: the part that differs must be shown.
    const auto first_difference =
        std::mismatch(sides[0].begin(), sides[0].end(), sides[1].begin(), sides[1].end()).first;
    const auto differs = static_cast<std::size_t>(first_difference - sides[0].begin());
    const std::size_t from =
        std::max(sides[0].size(), sides[1].size()) <= 80 || differs < 40 ? 0 : differs - 20;
    const auto shown = [&](const std::string& value) -> std::string {
      if (value.empty()) return "absent";
      const auto part = std::string_view(value).substr(std::min(from, value.size()));
      return (from > 0 ? "..." : "") + printable(part);
    };
    parts.push_back(
        fmt::format("{}: {} there, {} here", printable(name), shown(sides[0]), shown(sides[1])));
  }
  return join(parts, "; ");
}

std::string format_duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

namespace {

/// How many inserted, removed or replaced characters turn one text into the other (Levenshtein).
std::size_t edit_distance(std::string_view from, std::string_view to) {
  // One row after the other: row[i] turns the first characters of `from` into i of `to`.
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
  for (const char c : from) {
    std::size_t diagonal = row[0]++;
    for (std::size_t i = 1; i < row.size(); ++i) {
      const std::size_t replaced = diagonal + (to[i - 1] == c ? 0 : 1);
      diagonal = row[i];
      row[i] = std::min({replaced, row[i] + 1, row[i - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

const std::string& nearest_name(std::string_view name, const std::vector<std::string>& known) {
  return *std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
    return edit_distance(name, a) < edit_distance(name, b);
  });
}

}  // namespace lcr
