#include "lcr/config/options.h"

#include <algorithm>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/config/section.h"

namespace lcr {
namespace {

std::string range_text(const OptionSpec& spec) {
  if (!spec.choices.empty()) return "one of " + join(spec.choices, ", ");
  if (std::holds_alternative<bool>(spec.default_value)) return "yes or no";
  const bool whole = std::holds_alternative<std::int64_t>(spec.default_value);
  const std::string low = spec.low == kSmall ? "> 0" : ">= " + format_number(spec.low);
  const std::string high = spec.high >= kMany ? "" : " and <= " + format_number(spec.high);
  return std::string(whole ? "a whole number " : "a number ") + low + high;
}

std::optional<OptionValue> parse(const OptionSpec& spec, std::string_view text) {
  const auto within = [&](auto value) {
    return static_cast<double>(value) >= spec.low && static_cast<double>(value) <= spec.high;
  };
  if (std::holds_alternative<std::string>(spec.default_value)) {
    if (!spec.choices.empty() &&
        std::find(spec.choices.begin(), spec.choices.end(), text) == spec.choices.end())
      return std::nullopt;
    return std::string(text);
  }
  if (std::holds_alternative<bool>(spec.default_value)) {
    if (text != "yes" && text != "no") return std::nullopt;
    return text == "yes";
  }
  if (std::holds_alternative<std::int64_t>(spec.default_value)) {
    const auto value = parse_integer(text);
    if (!value || !within(*value)) return std::nullopt;
    return *value;
  }
  const auto value = parse_number(text);
  if (!value || !within(*value)) return std::nullopt;
  return *value;
}

std::string text_of(const OptionValue& value) {
  struct Format {
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(bool flag) const { return flag ? "yes" : "no"; }
    std::string operator()(double number) const { return format_number(number); }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
  };
  return std::visit(Format(), value);
}

}  // namespace

std::vector<OptionSpec> only_when(std::vector<OptionSpec> rows, const Condition& condition) {
  for (auto& row : rows) {
    row.active = [inner = row.active, outer = condition.holds](const Options& o) {
      return outer(o) && inner(o);
    };
    if (row.active_when.empty()) row.active_when = condition.words;
  }
  return rows;
}

const OptionSpec& find_option(std::string_view name, std::string_view source) {
  for (const auto& spec : option_table())
    if (name == spec.name) return spec;
  fail("{}: unknown option '{}'; --help lists the options", source, name);
}

void set_option(Options& options, std::string_view name, std::string_view text,
                std::string_view source) {
  const OptionSpec& spec = find_option(name, source);
  const auto value = parse(spec, text);
  if (!value) {
    const std::string nearest =
        spec.choices.size() > 4 ? "; the nearest is " + nearest_name(text, spec.choices) : "";
    fail("{}: {} = '{}' is not {}{}", source, name, text, range_text(spec), nearest);
  }
  spec.write(options, *value);
}

std::string get_option(const Options& options, const OptionSpec& spec) {
  return text_of(spec.read(options));
}

std::string default_of(const OptionSpec& spec) { return text_of(spec.default_value); }

}  // namespace lcr
