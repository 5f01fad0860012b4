// A restricted reader of Python's pickles: it builds plain values, and imports and calls nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lcr {

/// One value. What Python would make by a call is kept as a record of the call.
struct PickleValue {
  enum class Kind {
    kNone,
    kBool,        ///< integer: 0 or 1
    kInteger,     ///< integer
    kLong,        ///< beyond 64 bits; text: its little-endian bytes
    kReal,        ///< real
    kText,        ///< text (also bytes)
    kList,        ///< items (also tuples and sets)
    kDict,        ///< items: key, value, key, value, ...
    kGlobal,      ///< text: "module name" of a class or function
    kCall,        ///< text: what would be called; items: its arguments
    kPersistent,  ///< items: one, the identifier of an object outside the pickle
  };
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<const PickleValue*> items;  ///< may be shared, and may form cycles
};

/// A pickle's value and every value within it.
struct Pickle {
  std::deque<PickleValue> values;  ///< a deque, so that addresses stay valid
  const PickleValue* root = nullptr;
};

/// Reads one pickle (protocols 2 to 5) that begins at bytes[at] and moves `at` past its end.
/// `allowed`: the "module name" of every class and function that may be named. Throws UserError
/// naming `name` on any other, on a damaged pickle, and on one of more than 16 MiB or 2 million
/// values. A call of collections.OrderedDict gives a dict.
Pickle read_pickle(std::span<const std::uint8_t> bytes, std::size_t& at, const std::string& name,
                   const std::set<std::string, std::less<>>& allowed);

}  // namespace lcr
