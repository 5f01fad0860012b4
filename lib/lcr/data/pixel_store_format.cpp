#include "lcr/data/pixel_store_format.h"

#include <cstring>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/hashing.h"
#include "lcr/base/parallel.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

struct Header {
  std::uint64_t index_offset, index_bytes;
  std::string index_sha256;
};

Header read_header(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kStoreHeaderBytes ||
      std::memcmp(bytes.data(), kStoreMagic, kStoreMagicBytes) != 0)
    throw BadStore{"it is not a pixel store of this version"};
  Header header;
  std::memcpy(&header.index_offset, bytes.data() + kStoreMagicBytes, sizeof header.index_offset);
  std::memcpy(&header.index_bytes, bytes.data() + kStoreMagicBytes + sizeof header.index_offset,
              sizeof header.index_bytes);
  header.index_sha256.assign(
      reinterpret_cast<const char*>(bytes.data()) + kStoreHeaderBytes - kStoreDigits, kStoreDigits);
  if (header.index_offset < kStoreHeaderBytes || header.index_offset > bytes.size() ||
      header.index_bytes != bytes.size() - header.index_offset)
    throw BadStore{"it is truncated or too long"};
  return header;
}

/// An image's entry in the index. Throws BadStore if the image is not within the store.
StoredImage read_entry(const nlohmann::json& entry, const Header& header) {
  const StoredImage image{.height = entry.at(0),
                          .width = entry.at(1),
                          .offset = entry.at(2),
                          .source_height = entry.at(3),
                          .source_width = entry.at(4),
                          .sha256 = entry.at(5)};
  const auto room = static_cast<std::int64_t>(header.index_offset);
  constexpr std::int64_t kMaxSide = 1 << 24;
  if (image.height < 0 || image.width < 0 || image.height > kMaxSide || image.width > kMaxSide ||
      image.offset < static_cast<std::int64_t>(kStoreHeaderBytes) || image.offset > room ||
      image.height * image.width * 3 > room - image.offset)
    throw BadStore{"an image lies outside it"};
  return image;
}

/// Compares every image with its SHA-256. Throws BadStore.
void verify_images(const PixelStore& store, int threads) {
  const auto bytes = store.file->bytes();
  std::mutex mutex;
  std::optional<std::size_t> damaged;
  parallel_for(static_cast<std::int64_t>(store.images.size()), threads, [&](std::int64_t i) {
    const StoredImage& image = store.images[static_cast<std::size_t>(i)];
    if (image.height == 0) return;  // left out
    if (sha256_hex({reinterpret_cast<const char*>(bytes.data()) + image.offset,
                    static_cast<std::size_t>(image.height * image.width * 3)}) == image.sha256)
      return;
    const std::lock_guard lock(mutex);
    if (!damaged) damaged = i;
  });
  if (damaged) throw BadStore{fmt::format("image {} is damaged", *damaged)};
}

}  // namespace

OpenStore open_checked(const fs::path& path, bool verify, int threads) {
  OpenStore open;
  if (fs::file_size(path) == 0) throw BadStore{"it is empty"};
  open.store.file = std::make_shared<const MappedFile>(path);
  const auto bytes = open.store.file->bytes();
  const Header header = read_header(bytes);
  const std::string_view index(reinterpret_cast<const char*>(bytes.data()) + header.index_offset,
                               header.index_bytes);
  if (sha256_hex(index) != header.index_sha256) throw BadStore{"its index is damaged"};
  try {
    const auto json = nlohmann::json::parse(index);
    open.source = json.at("source");
    open.store.skipped = json.at("skipped").get<std::vector<std::string>>();
    for (const auto& entry : json.at("images"))
      open.store.images.push_back(read_entry(entry, header));
  } catch (const nlohmann::json::exception&) {
    throw BadStore{"its index cannot be read"};
  }
  if (verify) verify_images(open.store, threads);
  return open;
}

}  // namespace lcr
