#include "base/crypto/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "base/error.h"

namespace streamsync {

Secret hmac_sha256(const Secret& key, std::string_view text) {
  const std::string_view key_bytes = key.reveal();
  std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
  unsigned size = 0;
  // Without a buffer OpenSSL would take no key for the key of the call before.
  const void* key_data = key_bytes.empty() ? "" : key_bytes.data();
  if (HMAC(EVP_sha256(), key_data, static_cast<int>(key_bytes.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), code.data(),
           &size) == nullptr) {
    throw Error(ErrorKind::Config, Origin::Local,
                "OpenSSL can't compute HMAC with SHA-256 on this machine: see its configuration");
  }
  const std::span<char> written(reinterpret_cast<char*>(code.data()), size);
  const Secret result(std::string_view(written.data(), written.size()));
  wipe(written);
  return result;
}

}  // namespace streamsync
