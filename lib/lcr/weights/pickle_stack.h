// The values that a pickle builds: a stack with marks, and a memo.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "lcr/weights/pickle.h"
#include "lcr/weights/pickle_source.h"

namespace lcr {

/// The state of Python's pickle machine. Everything throws UserError on what no pickle does, and on
/// more than 2 million values.
class PickleStack {
 public:
  using Kind = PickleValue::Kind;

  /// source: for messages; it must outlive the stack.
  explicit PickleStack(const PickleSource& source) : source_(source) {}

  PickleValue& push(Kind kind);
  void push_integer(std::int64_t value) { push(Kind::kInteger).integer = value; }
  void push_text(std::string value) { push(Kind::kText).text = std::move(value); }
  /// Pushes a list of the last `count` values, which it pops.
  void push_tuple(std::size_t count);
  /// Pushes the last value once more.
  void duplicate();
  PickleValue* pop();

  void mark() { marks_.push_back(stack_.size()); }
  /// Pops the last mark and returns the values above it.
  std::vector<const PickleValue*> pop_to_mark();

  /// Appends items to the last value, a list or dict.
  void append(Kind kind, const std::vector<const PickleValue*>& items);
  /// Counts the items of one list that are copied into another value: a shared list could be copied
  /// again and again.
  void take_in(std::size_t count);

  /// Keeps the last value in the memo.
  void remember(std::uint64_t index);
  /// Keeps the last value under the next index.
  void remember() { remember(memo_.size()); }
  /// Pushes a value of the memo.
  void recall(std::uint64_t index);

  /// The pickle, whose root is the one value that must be left.
  Pickle finish();

 private:
  PickleValue& top(Kind kind);
  [[noreturn]] void too_many() const;

  const PickleSource& source_;
  Pickle pickle_;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, PickleValue*> memo_;
  std::size_t taken_in_ = 0;
};

}  // namespace lcr
