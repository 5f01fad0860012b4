// What the lists of components have in common: methods, data sets, backbones, protocols.
#pragma once

#include <string>
#include <typeindex>
#include <vector>

#include "lcr/config/section.h"

namespace lcr {

/// A struct of options that a component uses, alone or with others.
struct OptionGroup {
  std::type_index type;
  std::vector<OptionSpec> (*rows)();
};

/// The group of the struct T, whose rows the function makes.
template <class T>
OptionGroup option_group(std::vector<OptionSpec> (*rows)()) {
  return {typeid(T), rows};
}

inline bool has_group(const std::vector<OptionGroup>& groups, std::type_index type) {
  for (const auto& group : groups)
    if (group.type == type) return true;
  return false;
}

/// The option rows of all groups that components use, each once, in the order of their first use
/// and active only where the chosen component uses it. `chosen` gives the chosen component;
/// `option` is the option that names it, for --help.
template <class Spec>
std::vector<OptionSpec> component_rows(const std::vector<Spec>& specs, const char* option,
                                       const Spec& (*chosen)(const Options&)) {
  std::vector<OptionSpec> table;
  std::vector<OptionGroup> done;
  for (const auto& spec : specs)
    for (const auto& group : spec.options) {
      if (has_group(done, group.type)) continue;
      done.push_back(group);
      std::string words;
      for (const auto& user : specs)
        if (has_group(user.options, group.type))
          words += (words.empty() ? std::string(option) + " = " : ", ") + user.name;
      if (const auto comma = words.rfind(", "); comma != std::string::npos)
        words.replace(comma, 2, " or ");
      const auto uses = [chosen, type = group.type](const Options& o) {
        return has_group(chosen(o).options, type);
      };
      for (auto& row : only_when(group.rows(), {uses, words})) {
        row.chosen = uses;
        row.chosen_when = words;
        table.push_back(std::move(row));
      }
    }
  return table;
}

/// The names of components, in their order.
template <class Spec>
std::vector<std::string> names_of(const std::vector<Spec>& specs) {
  std::vector<std::string> names;
  for (const auto& spec : specs) names.push_back(spec.name);
  return names;
}

}  // namespace lcr
