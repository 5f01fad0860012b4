// What an option is, and the settings of one run. Which options there are, the rooms of the library
// declare beside what they configure; experiment/option_table.cpp lists their sections.
#pragma once

#include <any>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <typeindex>
#include <variant>
#include <vector>

namespace lcr {

/// The resolved settings of one run: one struct of options per component, found by its type. A
/// struct's member initialisers are the defaults.
class Options {
 public:
  /// The component's options; its defaults if none was ever set.
  template <class T>
  const T& get() const {
    static const T defaults;
    const auto found = parts_.find(typeid(T));
    return found == parts_.end() ? defaults : *std::any_cast<T>(&found->second);
  }

  /// The component's options, to be changed.
  template <class T>
  T& get() {
    std::any& part = parts_[typeid(T)];
    if (!part.has_value()) part = T();
    return *std::any_cast<T>(&part);
  }

 private:
  std::map<std::type_index, std::any> parts_;
};

/// What an option affects, which decides the hash that includes it.
enum class OptionPart {
  kRun,         ///< the training; included in the run's identity
  kEvaluation,  ///< the evaluation of a finished run; included in the evaluation's hash
  kControl,     ///< where and how fast a run executes; included in no hash
};

/// An option's value. Enumerations are texts out of the option's choices.
using OptionValue = std::variant<std::int64_t, double, bool, std::string>;

/// One row of the option table.
struct OptionSpec {
  const char* group;  ///< heading in --help
  const char* name;   ///< on the command line (--name) and in INI files (name = value)
  const char* unit;   ///< "" if it has none
  const char* meaning;
  double low, high;                  ///< inclusive range of a number
  std::vector<std::string> choices;  ///< allowed values of a text; empty: any
  OptionPart part;
  std::function<bool(const Options&)> active;  ///< whether it has an effect under these settings
  std::string active_when;                     ///< the same in words, for --help
  /// Of a component's option: whether a component that has it is chosen, and the same in words.
  /// Null for all others.
  std::function<bool(const Options&)> chosen;
  std::string chosen_when;
  OptionValue default_value;  ///< has the option's type
  std::function<OptionValue(const Options&)> read;
  std::function<void(Options&, const OptionValue&)> write;
};

/// All options, in the order of --help. Defined in the top room, which knows all others.
const std::vector<OptionSpec>& option_table();

/// The table's row with that name. Throws UserError naming `source` if there is none.
const OptionSpec& find_option(std::string_view name, std::string_view source);

/// Parses `text` into the option. Throws UserError naming the option and `source` (a file, "command
/// line") if the text is not a value of the option's type or range.
void set_option(Options& options, std::string_view name, std::string_view text,
                std::string_view source);

/// The option's value in canonical form: numbers as the shortest text, booleans as "yes" or "no".
std::string get_option(const Options& options, const OptionSpec& spec);

/// Its default in the same form.
std::string default_of(const OptionSpec& spec);

}  // namespace lcr
