#include "lcr/weights/pickle_stack.h"

#include <utility>

namespace lcr {
namespace {

constexpr std::size_t kMaxValues = 2'000'000;

}  // namespace

PickleValue& PickleStack::push(Kind kind) {
  if (pickle_.values.size() == kMaxValues) too_many();
  pickle_.values.push_back({.kind = kind});
  stack_.push_back(&pickle_.values.back());
  return pickle_.values.back();
}

void PickleStack::push_tuple(std::size_t count) {
  std::vector<const PickleValue*> items(count);
  for (std::size_t i = count; i-- > 0;) items[i] = pop();
  push(Kind::kList).items = std::move(items);
}

void PickleStack::duplicate() {
  PickleValue* value = pop();
  stack_.insert(stack_.end(), {value, value});
}

PickleValue* PickleStack::pop() {
  // Never below a mark: values there belong to a list under construction.
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) source_.damaged("its stack is empty");
  PickleValue* value = stack_.back();
  stack_.pop_back();
  return value;
}

std::vector<const PickleValue*> PickleStack::pop_to_mark() {
  if (marks_.empty()) source_.damaged("a mark is missing");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<const PickleValue*> items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

void PickleStack::append(Kind kind, const std::vector<const PickleValue*>& items) {
  if (kind == Kind::kDict && items.size() % 2 != 0) source_.damaged("a key without a value");
  auto& target = top(kind).items;
  target.insert(target.end(), items.begin(), items.end());
}

void PickleStack::take_in(std::size_t count) {
  if ((taken_in_ += count) > kMaxValues) too_many();
}

void PickleStack::remember(std::uint64_t index) {
  if (stack_.empty()) source_.damaged("its stack is empty");
  memo_[index] = stack_.back();
  if (memo_.size() > kMaxValues) too_many();
}

void PickleStack::recall(std::uint64_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end()) source_.damaged("it refers to a value that it does not have");
  stack_.push_back(found->second);
  if (stack_.size() > kMaxValues) too_many();
}

Pickle PickleStack::finish() {
  if (stack_.size() != 1 || !marks_.empty())
    source_.damaged("its stack does not end with one value");
  pickle_.root = stack_.front();
  return std::move(pickle_);
}

PickleValue& PickleStack::top(Kind kind) {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()) || stack_.back()->kind != kind)
    source_.damaged("it adds an item to something other than a list or dict");
  return *stack_.back();
}

void PickleStack::too_many() const { source_.damaged("more than 2 million values"); }

}  // namespace lcr
