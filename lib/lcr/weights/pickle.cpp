#include "lcr/weights/pickle.h"

#include <bit>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/weights/pickle_source.h"
#include "lcr/weights/pickle_stack.h"

namespace lcr {
namespace {

/// The stack machine of Python's pickle module (Lib/pickletools.py lists its opcodes), limited to
/// what plain data needs.
class PickleReader {
  using Kind = PickleValue::Kind;

 public:
  PickleReader(std::span<const std::uint8_t> bytes, std::size_t at, const std::string& name,
               const std::set<std::string, std::less<>>& allowed)
      : source_(bytes, at, name), stack_(source_), allowed_(allowed) {}

  Pickle read() {
    constexpr std::uint8_t kStop = '.';
    for (std::uint8_t opcode; (opcode = source_.take(1)[0]) != kStop;)
      if (!control(opcode) && !push_plain(opcode) && !build(opcode) && !use_memo(opcode) &&
          !name_or_call(opcode))
        source_.damaged(fmt::format("weights do not need opcode 0x{:02x}", opcode));
    return stack_.finish();
  }
  std::size_t end() const { return source_.position(); }

 private:
  // Each of these executes an opcode of its kind; false for others.

  bool control(std::uint8_t opcode) {
    switch (opcode) {
      case 0x80: {  // PROTO
        const auto protocol = source_.number(1);
        if (protocol < 2 || protocol > 5)
          source_.damaged(fmt::format("protocol {} is not 2 to 5", protocol));
        return true;
      }
      case 0x95: source_.number(8); return true;  // FRAME
      case '(': stack_.mark(); return true;
      case '0': stack_.pop(); return true;
      case '1': stack_.pop_to_mark(); return true;
      case '2': stack_.duplicate(); return true;
      case 'b':
        // BUILD: attributes of the object below, such as a state_dict's versions; not needed.
        stack_.pop();
        return true;
      default: return false;
    }
  }

  bool push_plain(std::uint8_t opcode) {
    switch (opcode) {
      case 'N': stack_.push(Kind::kNone); return true;
      case 0x88: stack_.push(Kind::kBool).integer = 1; return true;
      case 0x89: stack_.push(Kind::kBool); return true;
      case 'J': stack_.push_integer(static_cast<std::int32_t>(source_.number(4))); return true;
      case 'K': stack_.push_integer(static_cast<std::int64_t>(source_.number(1))); return true;
      case 'M': stack_.push_integer(static_cast<std::int64_t>(source_.number(2))); return true;
      case 0x8a: push_long(source_.number(1)); return true;
      case 0x8b: push_long(source_.number(4)); return true;
      case 'G': {  // big-endian
        std::uint64_t bits = 0;
        for (const auto byte : source_.take(8)) bits = bits << 8 | byte;
        stack_.push(Kind::kReal).real = std::bit_cast<double>(bits);
        return true;
      }
      case 'U':
      case 0x8c:
      case 'C': stack_.push_text(source_.text(source_.number(1))); return true;
      case 'T':
      case 'X':
      case 'B': stack_.push_text(source_.text(source_.number(4))); return true;
      case 0x8d:
      case 0x8e:
      case 0x96: stack_.push_text(source_.text(source_.number(8))); return true;
      default: return false;
    }
  }

  void push_long(std::uint64_t count) {
    const auto part = source_.take(count);
    if (count > 8) {
      stack_.push(Kind::kLong).text.assign(part.begin(), part.end());
      return;
    }
    const bool negative = count > 0 && (part.back() & 0x80);  // two's complement
    std::uint64_t value = negative ? ~0ull : 0;
    for (std::size_t i = 0; i < count; ++i)
      value = (value & ~(0xffull << (8 * i))) | static_cast<std::uint64_t>(part[i]) << (8 * i);
    stack_.push_integer(static_cast<std::int64_t>(value));
  }

  /// Lists, which tuples and sets are too, and dicts.
  bool build(std::uint8_t opcode) {
    switch (opcode) {
      case ']':
      case ')':
      case 0x8f: stack_.push(Kind::kList); return true;
      case '}': stack_.push(Kind::kDict); return true;
      case 'a': {
        const PickleValue* item = stack_.pop();
        stack_.append(Kind::kList, {item});
        return true;
      }
      case 'e':
      case 0x90: {
        const auto items = stack_.pop_to_mark();
        stack_.append(Kind::kList, items);
        return true;
      }
      case 's': {
        const PickleValue* value = stack_.pop();
        const PickleValue* key = stack_.pop();
        stack_.append(Kind::kDict, {key, value});
        return true;
      }
      case 'u': {
        const auto items = stack_.pop_to_mark();
        stack_.append(Kind::kDict, items);
        return true;
      }
      case 't':
      case 'l':
      case 0x91: {
        auto items = stack_.pop_to_mark();
        stack_.push(Kind::kList).items = std::move(items);
        return true;
      }
      case 'd': {
        auto items = stack_.pop_to_mark();
        if (items.size() % 2 != 0) source_.damaged("a key without a value");
        stack_.push(Kind::kDict).items = std::move(items);
        return true;
      }
      case 0x85: stack_.push_tuple(1); return true;
      case 0x86: stack_.push_tuple(2); return true;
      case 0x87: stack_.push_tuple(3); return true;
      default: return false;
    }
  }

  bool use_memo(std::uint8_t opcode) {
    switch (opcode) {
      case 'q': stack_.remember(source_.number(1)); return true;
      case 'r': stack_.remember(source_.number(4)); return true;
      case 0x94: stack_.remember(); return true;
      case 'h': stack_.recall(source_.number(1)); return true;
      case 'j': stack_.recall(source_.number(4)); return true;
      default: return false;
    }
  }

  bool name_or_call(std::uint8_t opcode) {
    switch (opcode) {
      case 'c': {
        const std::string module = source_.line();
        push_global(module, source_.line());
        return true;
      }
      case 0x93: {
        const PickleValue* function = stack_.pop();
        const PickleValue* module = stack_.pop();
        if (function->kind != Kind::kText || module->kind != Kind::kText)
          source_.damaged("a name that is not text");
        push_global(module->text, function->text);
        return true;
      }
      case 'R':
      case 0x81: call(); return true;
      case 'Q': {
        const PickleValue* id = stack_.pop();
        stack_.push(Kind::kPersistent).items = {id};
        return true;
      }
      default: return false;
    }
  }

  void push_global(const std::string& module, const std::string& function) {
    // Python 2's name, which PyTorch still writes.
    std::string full = (module == "__builtin__" ? "builtins" : module) + " " + function;
    if (!allowed_.contains(full))
      fail(
          "{}: its pickle names {}.{}, which weights do not need; nothing of it was run. Save only "
          "the state_dict, or convert the file with PyTorch if you trust it",
          source_.name(), printable(module), printable(function));
    stack_.push(Kind::kGlobal).text = std::move(full);
  }

  void call() {
    PickleValue* arguments = stack_.pop();
    PickleValue* function = stack_.pop();
    if (function->kind != Kind::kGlobal || arguments->kind != Kind::kList)
      source_.damaged("it calls something other than a function");
    PickleValue& result =
        stack_.push(function->text == "collections OrderedDict" ? Kind::kDict : Kind::kCall);
    stack_.take_in(arguments->items.size());
    if (result.kind == Kind::kCall) {
      result.text = function->text;
      result.items = arguments->items;
      return;
    }
    // OrderedDict([[key, value], ...]), as Python 2 wrote it.
    for (const PickleValue* pairs : arguments->items) {
      if (pairs->kind != Kind::kList) continue;
      stack_.take_in(pairs->items.size());
      for (const PickleValue* pair : pairs->items) {
        if (pair->kind != Kind::kList || pair->items.size() != 2)
          source_.damaged("the items of an OrderedDict are not pairs");
        result.items.insert(result.items.end(), pair->items.begin(), pair->items.end());
      }
    }
  }

  PickleSource source_;
  PickleStack stack_;
  const std::set<std::string, std::less<>>& allowed_;
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
