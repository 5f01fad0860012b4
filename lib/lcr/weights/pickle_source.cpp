#include "lcr/weights/pickle_source.h"

#include <algorithm>

#include "lcr/base/error.h"

namespace lcr {
namespace {

constexpr std::size_t kMaxPickleBytes = 16 << 20;

}  // namespace

PickleSource::PickleSource(std::span<const std::uint8_t> bytes, std::size_t at,
                           const std::string& name)
    : bytes_(bytes.first(std::min(bytes.size(), at + kMaxPickleBytes))),
      start_(at),
      at_(at),
      cut_(bytes_.size() < bytes.size()),
      name_(name) {}

void PickleSource::damaged(const std::string& why) const {
  fail("{}: damaged pickle at byte {}: {}", name_, at_ - start_, why);
}

void PickleSource::ends_early() const {
  if (cut_)
    fail(
        "{}: its pickle is larger than 16 MiB, so it holds more than weights; save only the "
        "state_dict",
        name_);
  damaged("it is truncated");
}

std::span<const std::uint8_t> PickleSource::take(std::uint64_t count) {
  if (count > bytes_.size() - at_) ends_early();
  const auto part = bytes_.subspan(at_, count);
  at_ += count;
  return part;
}

std::uint64_t PickleSource::number(std::size_t count) {
  std::uint64_t value = 0;
  const auto part = take(count);
  for (std::size_t i = 0; i < count; ++i) value |= static_cast<std::uint64_t>(part[i]) << (8 * i);
  return value;
}

std::string PickleSource::text(std::uint64_t count) {
  const auto part = take(count);
  return {part.begin(), part.end()};
}

std::string PickleSource::line() {
  const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
  const auto end = std::find(begin, bytes_.end(), '\n');
  if (end == bytes_.end()) ends_early();
  at_ += static_cast<std::size_t>(end - begin) + 1;
  return {begin, end};
}

}  // namespace lcr
