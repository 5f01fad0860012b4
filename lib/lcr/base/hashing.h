// SHA-256 of bytes: identities of runs, fingerprints of data, checksums of downloads; MD5 where a
// publisher states nothing better.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace lcr {

/// Incremental SHA-256 (OpenSSL).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  /// Appends bytes.
  void update(const void* data, std::size_t bytes);
  /// The digest in 64 lower-case hexadecimal digits. Call once, last.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// SHA-256 of a text, in 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view text);

/// SHA-256 of a file's bytes. Throws UserError if it cannot be read.
std::string sha256_file(const std::filesystem::path& path);

/// MD5 of a file's bytes, only to compare with a published one. Throws UserError if it cannot be
/// read.
std::string md5_file(const std::filesystem::path& path);

}  // namespace lcr
