#include "lcr/base/hashing.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <vector>

#include "lcr/base/error.h"

namespace lcr {

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> evp{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  check_internal(EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr) == 1, "SHA-256 cannot be set up");
}

Sha256::~Sha256() = default;

void Sha256::update(const void* data, std::size_t bytes) {
  check_internal(EVP_DigestUpdate(context_->evp.get(), data, bytes) == 1, "SHA-256 update");
}

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest{};
  check_internal(EVP_DigestFinal_ex(context_->evp.get(), digest.data(), nullptr) == 1, "SHA-256 final");
  std::string text;
  for (const unsigned char byte : digest) fmt::format_to(std::back_inserter(text), "{:02x}", byte);
  return text;
}

std::string sha256_hex(std::string_view text) {
  Sha256 hash;
  hash.update(text.data(), text.size());
  return hash.hex();
}

std::string sha256_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("{}: no such file, or it cannot be read", path.string());
  Sha256 hash;
  std::vector<char> block(1 << 20);
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0)
    hash.update(block.data(), static_cast<std::size_t>(in.gcount()));
  if (in.bad()) fail("{}: cannot be read", path.string());
  return hash.hex();
}

}  // namespace lcr
