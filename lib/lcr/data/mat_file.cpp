#include "lcr/data/mat_file.h"

#include <algorithm>
#include <cstring>
#include <span>

#include <zlib.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"

namespace lcr {
namespace {

constexpr std::uint64_t kMaxMatBytes = 64 << 20;
constexpr std::int64_t kMaxEntries = 1 << 20;
constexpr int kMaxDepth = 8;
constexpr std::size_t kHeaderBytes = 128;

// Types of data elements.
enum : std::uint32_t {
  kInt8 = 1,
  kUInt8 = 2,
  kInt16 = 3,
  kUInt16 = 4,
  kInt32 = 5,
  kUInt32 = 6,
  kSingle = 7,
  kDouble = 9,
  kInt64 = 12,
  kUInt64 = 13,
  kMatrix = 14,
  kCompressed = 15,
  kUtf8 = 16,
  kUtf16 = 17
};
// Classes of arrays.
enum : std::uint32_t {
  kCellClass = 1,
  kStructClass = 2,
  kCharClass = 4,
  kDoubleClass = 6,
  kUInt64Class = 15
};

using Bytes = std::span<const std::uint8_t>;

struct Element {
  std::uint32_t type = 0;
  Bytes data;
};

/// Reads consecutive elements from a range of bytes.
class Reader {
 public:
  Reader(Bytes bytes, const std::filesystem::path& path) : bytes_(bytes), path_(path) {}
  bool at_end() const { return bytes_.empty(); }

  Element next() {
    require(8);
    const std::uint32_t first = word(0);
    const std::uint32_t second = word(4);
    const std::uint32_t small_bytes = first >> 16;
    if (small_bytes != 0) {  // up to four bytes within the tag
      if (small_bytes > 4) damaged("a small element claims more than 4 bytes");
      const Element element{first & 0xFFFF, bytes_.subspan(4, small_bytes)};
      bytes_ = bytes_.subspan(8);
      return element;
    }
    bytes_ = bytes_.subspan(8);
    require(second);
    const Element element{first, bytes_.first(second)};
    // All but compressed elements are padded to 8 bytes; the last one's padding may be missing.
    const std::size_t padded = first == kCompressed ? second : (std::size_t{second} + 7) / 8 * 8;
    bytes_ = bytes_.subspan(std::min(padded, bytes_.size()));
    return element;
  }

  Element next(std::uint32_t type, const char* what) {
    const Element element = next();
    if (element.type != type)
      damaged(fmt::format("{}: type {} instead of {}", what, element.type, type));
    return element;
  }

  [[noreturn]] void damaged(const std::string& why) const {
    fail("{}: damaged MATLAB file: {}", path_.string(), why);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  void require(std::size_t bytes) const {
    if (bytes_.size() < bytes) damaged("it is truncated");
  }
  std::uint32_t word(std::size_t at) const {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }

  Bytes bytes_;
  const std::filesystem::path& path_;
};

template <typename T>
std::vector<double> convert(Bytes data) {
  std::vector<double> out(data.size() / sizeof(T));
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<double>(value);
  }
  return out;
}

std::vector<double> numbers_of(const Element& element, const Reader& reader) {
  switch (element.type) {
    case kInt8: return convert<std::int8_t>(element.data);
    case kUInt8:
    case kUtf8: return convert<std::uint8_t>(element.data);
    case kInt16: return convert<std::int16_t>(element.data);
    case kUInt16:
    case kUtf16: return convert<std::uint16_t>(element.data);
    case kInt32: return convert<std::int32_t>(element.data);
    case kUInt32: return convert<std::uint32_t>(element.data);
    case kSingle: return convert<float>(element.data);
    case kDouble: return convert<double>(element.data);
    case kInt64: return convert<std::int64_t>(element.data);
    case kUInt64: return convert<std::uint64_t>(element.data);
    default: reader.damaged(fmt::format("numbers of unknown type {}", element.type));
  }
}

std::string ascii(const std::vector<double>& codes) {
  std::string text;
  for (const double code : codes) text += code >= 0 && code < 128 ? static_cast<char>(code) : '?';
  return text;
}

/// What the rest of a file may still take.
struct Budget {
  std::int64_t arrays = kMaxEntries;
  std::uint64_t inflated_bytes = kMaxMatBytes;
};

MatArray read_array(Bytes data, std::string& name, const std::filesystem::path& path, int depth,
                    Budget& budget) {
  Reader reader(data, path);
  if (--budget.arrays < 0) reader.damaged("it claims too many arrays");
  if (depth > kMaxDepth) reader.damaged("arrays are nested too deeply");
  MatArray array;
  if (reader.at_end()) return array;  // an empty field
  const Element flags = reader.next(kUInt32, "array flags");
  if (flags.data.size() != 8) reader.damaged("array flags of the wrong size");
  const std::uint32_t kind = flags.data[0];
  std::int64_t entries = 1;
  for (const double size : numbers_of(reader.next(kInt32, "dimensions"), reader)) {
    if (!(size >= 0 && size <= static_cast<double>(kMaxEntries)) ||
        entries * static_cast<std::int64_t>(size) > kMaxEntries)
      reader.damaged("an array claims too many entries");
    array.shape.push_back(static_cast<std::int64_t>(size));
    entries *= array.shape.back();
  }
  name = ascii(numbers_of(reader.next(kInt8, "an array's name"), reader));
  const auto read_elements = [&](std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      std::string inner_name;
      array.elements.push_back(
          read_array(reader.next(kMatrix, "an element").data, inner_name, path, depth + 1, budget));
    }
  };
  if (kind == kCellClass) {
    array.kind = MatArray::Kind::kCells;
    read_elements(entries);
  } else if (kind == kStructClass) {
    array.kind = MatArray::Kind::kStructs;
    const auto length = numbers_of(reader.next(kInt32, "a field name's length"), reader);
    const Bytes names = reader.next(kInt8, "field names").data;
    if (length.size() != 1 || length[0] < 1 || length[0] > 64 ||
        names.size() % static_cast<std::size_t>(length[0]) != 0)
      reader.damaged("field names of the wrong size");
    for (std::size_t at = 0; at < names.size(); at += static_cast<std::size_t>(length[0])) {
      const std::string field(reinterpret_cast<const char*>(names.data()) + at,
                              static_cast<std::size_t>(length[0]));
      array.fields.push_back(field.substr(0, field.find('\0')));
    }
    if (entries * static_cast<std::int64_t>(array.fields.size()) > kMaxEntries)
      reader.damaged("an array claims too many entries");
    read_elements(entries * static_cast<std::int64_t>(array.fields.size()));
  } else if (kind == kCharClass || (kind >= kDoubleClass && kind <= kUInt64Class)) {
    array.kind = kind == kCharClass ? MatArray::Kind::kText : MatArray::Kind::kNumbers;
    if (entries > 0) array.numbers = numbers_of(reader.next(), reader);
    if (static_cast<std::int64_t>(array.numbers.size()) != entries)
      reader.damaged("an array's number of values does not match its dimensions");
    if (kind == kCharClass) {
      array.text = ascii(array.numbers);
      array.numbers.clear();
    }
  } else {
    fail("{}: variable '{}' has class {}, which is not supported", path.string(), name, kind);
  }
  return array;
}

/// Inflates zlib data.
std::vector<std::uint8_t> inflate_all(Bytes data, const std::filesystem::path& path,
                                      Budget& budget) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) throw std::bad_alloc();
  struct End {
    z_stream* stream;
    ~End() { inflateEnd(stream); }
  } const end{&stream};
  stream.next_in = const_cast<std::uint8_t*>(data.data());
  stream.avail_in = static_cast<uInt>(data.size());
  std::vector<std::uint8_t> out;
  int code = Z_OK;
  while (code == Z_OK) {
    const std::size_t done = out.size();
    if (done > budget.inflated_bytes)
      fail("{}: decompresses to more than {} bytes", path.string(), kMaxMatBytes);
    out.resize(done + (1 << 16));
    stream.next_out = out.data() + done;
    stream.avail_out = 1 << 16;
    code = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  if (code != Z_STREAM_END)
    fail("{}: damaged MATLAB file: its compressed data is truncated or corrupt", path.string());
  budget.inflated_bytes -= std::min<std::uint64_t>(out.size(), budget.inflated_bytes);
  return out;
}

}  // namespace

std::int64_t MatArray::count() const {
  const auto fields_each = kind == Kind::kStructs ? std::max<std::size_t>(1, fields.size()) : 1;
  return static_cast<std::int64_t>(elements.size() / fields_each);
}

const MatArray* MatArray::field(const std::string& name, std::int64_t index) const {
  const auto found = std::find(fields.begin(), fields.end(), name);
  if (kind != Kind::kStructs || found == fields.end() || index < 0 || index >= count())
    return nullptr;
  return &elements[static_cast<std::size_t>(index) * fields.size() +
                   static_cast<std::size_t>(found - fields.begin())];
}

std::map<std::string, MatArray> read_mat(const std::filesystem::path& path) {
  const auto bytes = read_file(path, kMaxMatBytes);
  // The header: text, the version 0x0100 and "MI" in the writer's byte order.
  if (bytes.size() < kHeaderBytes || bytes[124] != 0 || bytes[125] != 1 || bytes[126] != 'I' ||
      bytes[127] != 'M')
    fail("{}: not a little-endian MATLAB file of version 5; save it again with save(..., '-v6')",
         path.string());
  std::map<std::string, MatArray> variables;
  Reader reader(Bytes(bytes).subspan(kHeaderBytes), path);
  if (reader.at_end()) reader.damaged("it is truncated");
  Budget budget;
  while (!reader.at_end()) {
    Element element = reader.next();
    std::vector<std::uint8_t> inflated;
    if (element.type == kCompressed) {
      inflated = inflate_all(element.data, path, budget);
      element = Reader(inflated, path).next();
    }
    if (element.type != kMatrix)
      reader.damaged(fmt::format("an element of type {} instead of a variable", element.type));
    std::string name;
    MatArray array = read_array(element.data, name, path, 0, budget);
    variables[name] = std::move(array);
  }
  return variables;
}

}  // namespace lcr
