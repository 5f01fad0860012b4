#include "lcr/base/hashing.h"

#include <array>
#include <fstream>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "lcr/base/error.h"

namespace lcr {
namespace {

/// The digest in lower-case hexadecimal digits.
std::string finish(EVP_MD_CTX* context) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  check_internal(EVP_DigestFinal_ex(context, digest.data(), &size) == 1, "checksum final");
  std::string text;
  for (unsigned int i = 0; i < size; ++i)
    fmt::format_to(std::back_inserter(text), "{:02x}", digest[i]);
  return text;
}

}  // namespace

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> evp{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  check_internal(EVP_DigestInit_ex(context_->evp.get(), EVP_sha256(), nullptr) == 1,
                 "SHA-256 cannot be set up");
}

Sha256::~Sha256() = default;

void Sha256::update(const void* data, std::size_t bytes) {
  check_internal(EVP_DigestUpdate(context_->evp.get(), data, bytes) == 1, "SHA-256 update");
}

std::string Sha256::hex() { return finish(context_->evp.get()); }

std::string sha256_hex(std::string_view text) {
  Sha256 hash;
  hash.update(text.data(), text.size());
  return hash.hex();
}

namespace {

std::string digest_of_file(const std::filesystem::path& path, const EVP_MD* kind) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("{}: no such file, or it cannot be read", path.string());
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                   EVP_MD_CTX_free);
  check_internal(context && EVP_DigestInit_ex(context.get(), kind, nullptr) == 1,
                 "a checksum cannot be set up");
  std::vector<char> block(1 << 20);
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0)
    check_internal(
        EVP_DigestUpdate(context.get(), block.data(), static_cast<std::size_t>(in.gcount())) == 1,
        "checksum update");
  if (in.bad()) fail("{}: cannot be read", path.string());
  return finish(context.get());
}

}  // namespace

std::string sha256_file(const std::filesystem::path& path) {
  return digest_of_file(path, EVP_sha256());
}
std::string md5_file(const std::filesystem::path& path) { return digest_of_file(path, EVP_md5()); }

}  // namespace lcr
