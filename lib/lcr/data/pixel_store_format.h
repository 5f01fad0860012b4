// The file format of the pixel store (pixel_store.h), and reading it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "lcr/data/pixel_store.h"

namespace lcr {

// The header: magic, offset and size of the index, its SHA-256.
inline constexpr char kStoreMagic[] = "LCRPIX 1";
inline constexpr std::size_t kStoreMagicBytes = 8;
inline constexpr std::size_t kStoreDigits = 64;  // of a SHA-256
inline constexpr std::size_t kStoreHeaderBytes =
    kStoreMagicBytes + 2 * sizeof(std::uint64_t) + kStoreDigits;

/// Thrown if a store is unusable; `reason` says why.
struct BadStore {
  std::string reason;
};

/// A store with the hash of what it was made from.
struct OpenStore {
  PixelStore store;
  std::string source;
};

/// Maps a store and checks its index and, with `verify`, every image. Throws BadStore.
OpenStore open_checked(const std::filesystem::path& path, bool verify, int threads);

}  // namespace lcr
