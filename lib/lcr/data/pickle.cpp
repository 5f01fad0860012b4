#include "lcr/data/pickle.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "lcr/base/error.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMaxPickleBytes = 16 << 20, kMaxValues = 2'000'000;

/// The stack machine of Python's pickle module (Lib/pickletools.py lists its opcodes), limited to
/// what plain data needs.
class PickleReader {
 public:
  PickleReader(std::span<const std::uint8_t> bytes, std::size_t at, const std::string& name,
               const std::set<std::string, std::less<>>& allowed)
      : bytes_(bytes.first(std::min(bytes.size(), at + kMaxPickleBytes))),
        start_(at),
        at_(at),
        cut_(bytes_.size() < bytes.size()),
        name_(name),
        allowed_(allowed) {}

  Pickle read() {
    while (step()) {
    }
    if (stack_.size() != 1 || !marks_.empty()) damaged("its stack does not end with one value");
    pickle_.root = stack_.front();
    return std::move(pickle_);
  }
  std::size_t end() const { return at_; }

 private:
  [[noreturn]] void damaged(const std::string& why) const {
    fail("{}: damaged pickle at byte {}: {}", name_, at_ - start_, why);
  }

  [[noreturn]] void ends_early() const {
    if (cut_)
      fail(
          "{}: its pickle is larger than 16 MiB, so it holds more than weights; save only the "
          "state_dict",
          name_);
    damaged("it is truncated");
  }

  std::span<const std::uint8_t> take(std::uint64_t count) {
    if (count > bytes_.size() - at_) ends_early();
    const auto part = bytes_.subspan(at_, count);
    at_ += count;
    return part;
  }

  /// A little-endian number of `count` bytes.
  std::uint64_t number(std::size_t count) {
    std::uint64_t value = 0;
    const auto part = take(count);
    for (std::size_t i = 0; i < count; ++i) value |= static_cast<std::uint64_t>(part[i]) << (8 * i);
    return value;
  }

  std::string text(std::uint64_t count) {
    const auto part = take(count);
    return {part.begin(), part.end()};
  }

  std::string line() {
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
    const auto end = std::find(begin, bytes_.end(), '\n');
    if (end == bytes_.end()) ends_early();
    at_ += static_cast<std::size_t>(end - begin) + 1;
    return {begin, end};
  }

  PickleValue& push(Kind kind) {
    if (pickle_.values.size() == kMaxValues) too_many();
    pickle_.values.push_back({.kind = kind});
    stack_.push_back(&pickle_.values.back());
    return pickle_.values.back();
  }
  void push_integer(std::int64_t value) { push(Kind::kInteger).integer = value; }
  void push_text(std::string value) { push(Kind::kText).text = std::move(value); }

  PickleValue* pop() {
    // Never below a mark: values there belong to a list under construction.
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) damaged("its stack is empty");
    PickleValue* value = stack_.back();
    stack_.pop_back();
    return value;
  }

  /// Pops the last mark and returns the values above it.
  std::vector<const PickleValue*> pop_to_mark() {
    if (marks_.empty()) damaged("a mark is missing");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<const PickleValue*> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }

  PickleValue& top(Kind kind) {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()) || stack_.back()->kind != kind)
      damaged("it adds an item to something other than a list or dict");
    return *stack_.back();
  }

  void append(Kind kind, const std::vector<const PickleValue*>& items) {
    if (kind == Kind::kDict && items.size() % 2 != 0) damaged("a key without a value");
    auto& target = top(kind).items;
    target.insert(target.end(), items.begin(), items.end());
  }

  void push_tuple(std::size_t count) {
    std::vector<const PickleValue*> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    push(Kind::kList).items = std::move(items);
  }

  void push_global(const std::string& module, const std::string& function) {
    // Python 2's name, which PyTorch still writes.
    std::string full = (module == "__builtin__" ? "builtins" : module) + " " + function;
    if (!allowed_.contains(full))
      fail(
          "{}: its pickle names {}.{}, which weights do not need; nothing of it was run. Save only "
          "the state_dict, or convert the file with PyTorch if you trust it",
          name_, printable(module), printable(function));
    push(Kind::kGlobal).text = std::move(full);
  }

  void call() {
    PickleValue* arguments = pop();
    PickleValue* function = pop();
    if (function->kind != Kind::kGlobal || arguments->kind != Kind::kList)
      damaged("it calls something other than a function");
    PickleValue& result =
        push(function->text == "collections OrderedDict" ? Kind::kDict : Kind::kCall);
    take_in(arguments->items.size());
    if (result.kind == Kind::kCall) {
      result.text = function->text;
      result.items = arguments->items;
      return;
    }
    // OrderedDict([[key, value], ...]), as Python 2 wrote it.
    for (const PickleValue* pairs : arguments->items) {
      if (pairs->kind != Kind::kList) continue;
      take_in(pairs->items.size());
      for (const PickleValue* pair : pairs->items) {
        if (pair->kind != Kind::kList || pair->items.size() != 2)
          damaged("the items of an OrderedDict are not pairs");
        result.items.insert(result.items.end(), pair->items.begin(), pair->items.end());
      }
    }
  }

  /// Counts the items of one list that are copied into another value: a shared list could be copied
  /// again and again.
  void take_in(std::size_t count) {
    if ((taken_in_ += count) > kMaxValues) too_many();
  }
  [[noreturn]] void too_many() const { damaged("more than 2 million values"); }

  void remember(std::uint64_t index) {
    if (stack_.empty()) damaged("its stack is empty");
    memo_[index] = stack_.back();
    if (memo_.size() > kMaxValues) too_many();
  }
  void recall(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) damaged("it refers to a value that it does not have");
    stack_.push_back(found->second);
    if (stack_.size() > kMaxValues) too_many();
  }

  void push_long(std::uint64_t count) {
    const auto part = take(count);
    if (count > 8) {
      push(Kind::kLong).text.assign(part.begin(), part.end());
      return;
    }
    const bool negative = count > 0 && (part.back() & 0x80);  // two's complement
    std::uint64_t value = negative ? ~0ull : 0;
    for (std::size_t i = 0; i < count; ++i)
      value = (value & ~(0xffull << (8 * i))) | static_cast<std::uint64_t>(part[i]) << (8 * i);
    push_integer(static_cast<std::int64_t>(value));
  }

  /// Executes one opcode; returns false after STOP.
  bool step() {
    const std::uint8_t opcode = take(1)[0];
    switch (opcode) {
      case 0x80: {  // PROTO
        const auto protocol = number(1);
        if (protocol < 2 || protocol > 5)
          damaged(fmt::format("protocol {} is not 2 to 5", protocol));
        return true;
      }
      case 0x95: number(8); return true;  // FRAME
      case '.': return false;
      case '(': marks_.push_back(stack_.size()); return true;
      case '0': pop(); return true;
      case '1': pop_to_mark(); return true;
      case '2': {
        PickleValue* value = pop();
        stack_.insert(stack_.end(), {value, value});
        return true;
      }
      case 'N': push(Kind::kNone); return true;
      case 0x88: push(Kind::kBool).integer = 1; return true;
      case 0x89: push(Kind::kBool); return true;
      case 'J': push_integer(static_cast<std::int32_t>(number(4))); return true;
      case 'K': push_integer(static_cast<std::int64_t>(number(1))); return true;
      case 'M': push_integer(static_cast<std::int64_t>(number(2))); return true;
      case 0x8a: push_long(number(1)); return true;
      case 0x8b: push_long(number(4)); return true;
      case 'G': {  // big-endian
        std::uint64_t bits = 0;
        for (const auto byte : take(8)) bits = bits << 8 | byte;
        push(Kind::kReal).real = std::bit_cast<double>(bits);
        return true;
      }
      case 'U':
      case 0x8c:
      case 'C': push_text(text(number(1))); return true;
      case 'T':
      case 'X':
      case 'B': push_text(text(number(4))); return true;
      case 0x8d:
      case 0x8e:
      case 0x96: push_text(text(number(8))); return true;
      case ']':
      case ')':
      case 0x8f: push(Kind::kList); return true;
      case '}': push(Kind::kDict); return true;
      case 'a': {
        const PickleValue* item = pop();
        append(Kind::kList, {item});
        return true;
      }
      case 'e':
      case 0x90: {
        const auto items = pop_to_mark();
        append(Kind::kList, items);
        return true;
      }
      case 's': {
        const PickleValue* value = pop();
        const PickleValue* key = pop();
        append(Kind::kDict, {key, value});
        return true;
      }
      case 'u': {
        const auto items = pop_to_mark();
        append(Kind::kDict, items);
        return true;
      }
      case 't':
      case 'l':
      case 0x91: {
        auto items = pop_to_mark();
        push(Kind::kList).items = std::move(items);
        return true;
      }
      case 'd': {
        auto items = pop_to_mark();
        if (items.size() % 2 != 0) damaged("a key without a value");
        push(Kind::kDict).items = std::move(items);
        return true;
      }
      case 0x85: push_tuple(1); return true;
      case 0x86: push_tuple(2); return true;
      case 0x87: push_tuple(3); return true;
      case 'q': remember(number(1)); return true;
      case 'r': remember(number(4)); return true;
      case 0x94: remember(memo_.size()); return true;
      case 'h': recall(number(1)); return true;
      case 'j': recall(number(4)); return true;
      case 'c': {
        const std::string module = line();
        push_global(module, line());
        return true;
      }
      case 0x93: {
        const PickleValue* function = pop();
        const PickleValue* module = pop();
        if (function->kind != Kind::kText || module->kind != Kind::kText)
          damaged("a name that is not text");
        push_global(module->text, function->text);
        return true;
      }
      case 'R':
      case 0x81: call(); return true;
      case 'b':
        // BUILD: attributes of the object below, such as a state_dict's versions; not needed.
        pop();
        return true;
      case 'Q': {
        const PickleValue* id = pop();
        push(Kind::kPersistent).items = {id};
        return true;
      }
      default: damaged(fmt::format("weights do not need opcode 0x{:02x}", opcode));
    }
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t start_, at_;
  bool cut_;
  const std::string& name_;
  const std::set<std::string, std::less<>>& allowed_;
  Pickle pickle_;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, PickleValue*> memo_;
  std::size_t taken_in_ = 0;
};

}  // namespace

Pickle read_pickle(std::span<const std::uint8_t> bytes, std::size_t& at, const std::string& name,
                   const std::set<std::string, std::less<>>& allowed) {
  PickleReader reader(bytes, at, name, allowed);
  Pickle pickle = reader.read();
  at = reader.end();
  return pickle;
}

}  // namespace lcr
