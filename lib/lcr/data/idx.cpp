#include "lcr/data/idx.h"

#include <array>

#include "lcr/base/error.h"
#include "lcr/base/files.h"

namespace lcr {
namespace {

constexpr std::uint64_t kMaxBytes = 1ull << 30;

std::uint32_t big_endian(const std::uint8_t* bytes) {
  return (std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) |
         (std::uint32_t{bytes[2]} << 8) | bytes[3];
}

/// Checks magic and sizes; returns the dimensions. The payload follows the header.
template <std::size_t Dimensions>
std::array<std::int64_t, Dimensions> check_header(const std::vector<std::uint8_t>& bytes,
                                                  const std::filesystem::path& path) {
  constexpr std::size_t kHeader = 4 + 4 * Dimensions;
  constexpr std::uint32_t kMagic = 0x0800 + Dimensions;
  if (bytes.size() < kHeader)
    fail("{}: truncated: {} bytes are too few for an IDX header", path.string(), bytes.size());
  if (const auto magic = big_endian(bytes.data()); magic != kMagic)
    fail("{}: magic number {:#010x} instead of {:#010x}: not an IDX file of {} dimensions",
         path.string(), magic, kMagic, Dimensions);
  std::array<std::int64_t, Dimensions> sizes;
  std::uint64_t payload = 1;
  for (std::size_t d = 0; d < Dimensions; ++d) {
    sizes[d] = big_endian(bytes.data() + 4 + 4 * d);
    if (sizes[d] == 0) fail("{}: a dimension is 0", path.string());
    payload *= static_cast<std::uint64_t>(sizes[d]);
    if (payload > kMaxBytes)
      fail("{}: its header claims more than {} bytes", path.string(), kMaxBytes);
  }
  if (bytes.size() != kHeader + payload)
    fail("{}: {} bytes where its header asks for {}: truncated or damaged", path.string(),
         bytes.size(), kHeader + payload);
  return sizes;
}

}  // namespace

ImageSet read_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                  std::int64_t class_count) {
  const auto image_bytes = read_gzip(images, kMaxBytes);
  const auto label_bytes = read_gzip(labels, kMaxBytes);
  const auto [count, height, width] = check_header<3>(image_bytes, images);
  const auto [label_count] = check_header<1>(label_bytes, labels);
  if (count != label_count)
    fail("{}: {} labels for the {} images of {}", labels.string(), label_count, count,
         images.string());
  ImageSet set;
  set.height = height;
  set.width = width;
  set.class_count = class_count;
  set.pixels.reserve(static_cast<std::size_t>(count * height * width * 3));
  for (std::size_t i = 16; i < image_bytes.size(); ++i)
    set.pixels.insert(set.pixels.end(), 3, image_bytes[i]);
  for (std::size_t i = 8; i < label_bytes.size(); ++i) {
    if (label_bytes[i] >= class_count)
      fail("{}: record {} has label {}, above the largest, {}", labels.string(), i - 8,
           label_bytes[i], class_count - 1);
    set.labels.push_back(label_bytes[i]);
  }
  return set;
}

}  // namespace lcr
