// Lists that an option holds as a text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lcr {

/// "2,8,32" as canonical values of the option `name`; an empty text means `fallback`. Throws
/// UserError if one is not a valid value of that option or is repeated.
std::vector<std::string> parse_values(const std::string& name, const std::string& text,
                                      const std::string& fallback);

/// "1,0.5" as numbers within [low, high], at least one and none repeated. Throws UserError naming
/// the option.
std::vector<double> parse_numbers(const std::string& name, const std::string& text, double low,
                                  double high);

/// "retrieval,knn" as names from `choices`, none repeated. Throws UserError naming the option.
std::vector<std::string> parse_names(const std::string& name, const std::string& text,
                                     const std::vector<std::string>& choices);

}  // namespace lcr
