// Declares options beside the struct that holds them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lcr/config/options.h"

namespace lcr {

/// The bounds of a number without a bound, and of one that must be positive.
inline constexpr double kMany = 1e9;
inline constexpr double kSmall = 1e-9;

/// When an option has an effect: as a predicate, and in words for --help.
struct Condition {
  std::function<bool(const Options&)> holds;
  std::string words;
};

/// Holds always.
inline const Condition kAlways{[](const Options&) { return true; }, ""};

/// The options that a struct T holds.
template <class T>
class Section {
 public:
  /// `heading` in --help, and what the options affect.
  explicit Section(const char* heading, OptionPart part = OptionPart::kRun)
      : heading_(heading), part_(part) {}

  /// A number within [low, high].
  template <class Number>
  void number(const char* name, Number T::*member, const char* unit, const char* meaning,
              double low, double high, const Condition& when = kAlways) {
    add(name, member, unit, meaning, when);
    rows_.back().low = low;
    rows_.back().high = high;
  }

  /// One of `choices`.
  void choice(const char* name, std::string T::*member, const char* meaning,
              std::vector<std::string> choices, const Condition& when = kAlways) {
    add(name, member, "", meaning, when);
    rows_.back().choices = std::move(choices);
  }

  /// Any text; `unit` names it in --help, such as "FILE", or is "".
  void text(const char* name, std::string T::*member, const char* unit, const char* meaning,
            const Condition& when = kAlways) {
    add(name, member, unit, meaning, when);
  }

  /// "yes" or "no".
  void flag(const char* name, bool T::*member, const char* meaning,
            const Condition& when = kAlways) {
    add(name, member, "", meaning, when);
  }

  /// Changes what the options declared from here on affect.
  void affects(OptionPart part) { part_ = part; }

  /// The rows of the option table.
  std::vector<OptionSpec> rows() const { return rows_; }

 private:
  template <class Value>
  void add(const char* name, Value T::*member, const char* unit, const char* meaning,
           const Condition& when) {
    rows_.push_back(
        {.group = heading_,
         .name = name,
         .unit = unit,
         .meaning = meaning,
         .low = 0,
         .high = 0,
         .choices = {},
         .part = part_,
         .active = when.holds,
         .active_when = when.words,
         .chosen = nullptr,
         .chosen_when = {},
         .default_value = T().*member,
         .read = [member](const Options& o) -> OptionValue { return o.get<T>().*member; },
         .write = [member](Options& o,
                           const OptionValue& v) { o.get<T>().*member = std::get<Value>(v); }});
  }

  const char* heading_;
  OptionPart part_;
  std::vector<OptionSpec> rows_;
};

/// The options with a further condition, whose words stand where an option has none of its own.
std::vector<OptionSpec> only_when(std::vector<OptionSpec> rows, const Condition& condition);

}  // namespace lcr
