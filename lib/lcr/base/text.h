// Small text helpers: strict number parsing, splitting, canonical number formatting.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lcr {

/// Strict parsing with std::from_chars: the whole text must be the number (no blanks, no locale).
/// Empty if it is not.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<double> parse_number(std::string_view text);

/// The shortest text that parses back to the same double: the canonical form in identities and
/// CSVs.
std::string format_number(double value);

/// Splits at every `separator`; an empty text gives no parts.
std::vector<std::string> split(std::string_view text, char separator);

/// The parts with `separator` between them.
std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// The first eight parts with commas between them, and how many more there are.
std::string join_first(const std::vector<std::string>& parts);

/// The name that differs from `name` in the fewest characters, for messages; `known` is not empty.
const std::string& nearest_name(std::string_view name, const std::vector<std::string>& known);

/// The text as one word of a shell's command line.
std::string shell_word(std::string_view text);

/// ASCII letters in lower case; other bytes stay.
std::string lower_case(std::string_view text);

/// Text from other sources, for messages: at most 80 characters, '?' for each that is not printable
/// ASCII.
std::string printable(std::string_view text);

/// How two texts of "name=value" or "name = value" lines differ, for messages: "threads: 1 there, 2
/// here; epochs: 3 there, absent here". Empty if they do not differ.
std::string describe_differences(std::string_view there, std::string_view here);

/// Seconds as "45 s", "3 min 20 s" or "2 h 05 min".
std::string format_duration(double seconds);

}  // namespace lcr
