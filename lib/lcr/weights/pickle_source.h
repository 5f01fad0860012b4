// The bytes of a pickle, read from its start.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace lcr {

/// Reads the bytes of one pickle, of which it looks at 16 MiB at most. Everything throws UserError
/// where the pickle ends.
class PickleSource {
 public:
  /// The pickle begins at bytes[at]; messages call it `name`. Both must outlive the object.
  PickleSource(std::span<const std::uint8_t> bytes, std::size_t at, const std::string& name);

  /// Where the next byte is, within all bytes.
  std::size_t position() const { return at_; }
  const std::string& name() const { return name_; }

  /// Throws the UserError for a pickle that is damaged here.
  [[noreturn]] void damaged(const std::string& why) const;

  std::span<const std::uint8_t> take(std::uint64_t count);
  /// A little-endian number of `count` bytes.
  std::uint64_t number(std::size_t count);
  std::string text(std::uint64_t count);
  /// The text up to the end of the line, which is read over.
  std::string line();

 private:
  [[noreturn]] void ends_early() const;

  std::span<const std::uint8_t> bytes_;
  std::size_t start_, at_;
  bool cut_;
  const std::string& name_;
};

}  // namespace lcr
