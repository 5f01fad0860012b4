#include "lcr/config/lists.h"

#include <algorithm>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/config/options.h"

namespace lcr {

std::vector<std::string> parse_values(const std::string& name, const std::string& text,
                                      const std::string& fallback) {
  std::vector<std::string> values;
  Options scratch;
  for (const auto& part : split(text.empty() ? fallback : text, ',')) {
    set_option(scratch, name, part, "values = '" + text + "'");
    const std::string value = get_option(scratch, find_option(name, ""));
    if (std::find(values.begin(), values.end(), value) != values.end())
      fail("values = '{}': {} is named twice", text, part);
    values.push_back(value);
  }
  return values;
}

std::vector<double> parse_numbers(const std::string& name, const std::string& text, double low,
                                  double high) {
  std::vector<double> values;
  for (const auto& part : split(text, ',')) {
    const auto value = parse_number(part);
    if (!value || !(*value >= low && *value <= high))
      fail("{} = '{}': '{}' is not a number from {} to {}", name, text, part, format_number(low),
           format_number(high));
    if (std::find(values.begin(), values.end(), *value) != values.end())
      fail("{} = '{}': {} is named twice", name, text, part);
    values.push_back(*value);
  }
  if (values.empty()) fail("{}: give at least one number", name);
  return values;
}

std::vector<std::string> parse_names(const std::string& name, const std::string& text,
                                     const std::vector<std::string>& choices) {
  std::vector<std::string> values;
  for (const auto& part : split(text, ',')) {
    if (std::find(choices.begin(), choices.end(), part) == choices.end())
      fail("{} = '{}': '{}' is not one of {}; the nearest is {}", name, text, part,
           join(choices, ", "), nearest_name(part, choices));
    if (std::find(values.begin(), values.end(), part) != values.end())
      fail("{} = '{}': {} is named twice", name, text, part);
    values.push_back(part);
  }
  return values;
}

}  // namespace lcr
