#include "base/crypto/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

std::size_t length_of(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::Md5:
      return 16;
    case DigestAlgorithm::Sha256:
      return 32;
    case DigestAlgorithm::Sha512:
      return 64;
  }
  return 0;
}

constexpr unsigned char kNoDigit = 0xFF;

// What each character is worth. Digests are read several times an item, so that a branch for each
// character is felt.
constexpr std::array<unsigned char, 256> values_of_hex() {
  std::array<unsigned char, 256> values{};
  values.fill(kNoDigit);
  for (unsigned char digit = 0; digit < 10; ++digit) values['0' + digit] = digit;
  for (unsigned char digit = 10; digit < 16; ++digit) {
    values['a' + digit - 10] = values['A' + digit - 10] = digit;
  }
  return values;
}

constexpr auto kValuesOfHex = values_of_hex();

unsigned char value_of(char digit) noexcept {
  return kValuesOfHex[static_cast<unsigned char>(digit)];
}

const EVP_MD* implementation(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::Md5:
      return EVP_md5();
    case DigestAlgorithm::Sha256:
      return EVP_sha256();
    case DigestAlgorithm::Sha512:
      return EVP_sha512();
  }
  return nullptr;
}

Error unusable(DigestAlgorithm algorithm) {
  return Error(ErrorKind::Config, Origin::Local,
               fmt::format("OpenSSL can't compute {} on this machine: see its configuration "
                           "(FIPS mode forbids md5)",
                           to_string(algorithm)));
}

}  // namespace

std::string_view to_string(DigestAlgorithm algorithm) noexcept {
  switch (algorithm) {
    case DigestAlgorithm::Md5:
      return "md5";
    case DigestAlgorithm::Sha256:
      return "sha256";
    case DigestAlgorithm::Sha512:
      return "sha512";
  }
  return "unknown";
}

std::optional<DigestAlgorithm> parse_digest_algorithm(std::string_view name) noexcept {
  for (const auto algorithm :
       {DigestAlgorithm::Md5, DigestAlgorithm::Sha256, DigestAlgorithm::Sha512}) {
    if (name == to_string(algorithm)) return algorithm;
  }
  return std::nullopt;
}

std::optional<Digest> Digest::parse(DigestAlgorithm algorithm, std::string_view hex) {
  const std::size_t length = length_of(algorithm);
  if (hex.size() != 2 * length) return std::nullopt;
  Digest digest(algorithm);
  unsigned char seen = 0;
  for (std::size_t at = 0; at < length; ++at) {
    const unsigned char high = value_of(hex[2 * at]), low = value_of(hex[2 * at + 1]);
    seen |= high | low;
    digest.bytes_[at] = static_cast<unsigned char>(high << 4 | low);
  }
  return seen == kNoDigit ? std::nullopt : std::optional(digest);
}

std::string Digest::hex() const {
  return to_hex(as_text(std::as_bytes(std::span(bytes_.data(), length_of(algorithm_)))));
}

std::string Digest::str() const { return fmt::format("{}:{}", to_string(algorithm_), hex()); }

struct Hasher::Context {
  Context() : evp(EVP_MD_CTX_new()) {}
  ~Context() { EVP_MD_CTX_free(evp); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  EVP_MD_CTX* evp;
};

Hasher::Hasher(DigestAlgorithm algorithm)
    : algorithm_(algorithm), context_(std::make_unique<Context>()) {
  if (EVP_DigestInit_ex(context_->evp, implementation(algorithm), nullptr) != 1) {
    throw unusable(algorithm);
  }
}

Hasher::Hasher(const Hasher& other)
    : algorithm_(other.algorithm_), context_(std::make_unique<Context>()) {
  if (EVP_MD_CTX_copy_ex(context_->evp, other.context_->evp) != 1) throw unusable(algorithm_);
}

Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(Bytes bytes) {
  if (EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) != 1) throw unusable(algorithm_);
}

Digest Hasher::finish() {
  Digest digest(algorithm_);
  static_assert(sizeof digest.bytes_ >= EVP_MAX_MD_SIZE);
  if (EVP_DigestFinal_ex(context_->evp, digest.bytes_.data(), nullptr) != 1) {
    throw unusable(algorithm_);
  }
  return digest;
}

Digest digest_of(DigestAlgorithm algorithm, std::string_view text) {
  Hasher hasher(algorithm);
  hasher.update(as_bytes(text));
  return hasher.finish();
}

Digest digest_of(DigestAlgorithm algorithm, ByteSource& bytes) {
  Hasher hasher(algorithm);
  std::array<std::byte, 64 * 1024> block;
  while (const std::size_t size = bytes.read(block)) hasher.update(Bytes(block).first(size));
  return hasher.finish();
}

VerifyingSink::VerifyingSink(const Digest& expected, std::uint64_t size, ByteSink& next)
    : VerifyingSink(expected, size, {0, Hasher(expected.algorithm())}, next) {}

VerifyingSink::VerifyingSink(const Digest& expected, std::uint64_t size, HashedBeginning begun,
                             ByteSink& next)
    : expected_(expected), size_(size), come_(std::move(begun)), next_(next) {}

void VerifyingSink::write(Bytes bytes) {
  if (bytes.size() > size_ - come_.size) {
    throw Error(ErrorKind::Corrupt, Origin::Source,
                fmt::format("the content is longer than the {} bytes that were promised", size_));
  }
  come_.hasher.update(bytes);
  come_.size += bytes.size();
  next_.write(bytes);
}

void VerifyingSink::finish() {
  if (come_.size != size_) {
    throw Error(ErrorKind::Corrupt, Origin::Source,
                fmt::format("the content ends after {} of {} bytes", come_.size, size_));
  }
  const Digest found = come_.hasher.finish();
  if (found != expected_) {
    throw Error(
        ErrorKind::Corrupt, Origin::Source,
        fmt::format("the content has {} where {} was promised", found.str(), expected_.str()));
  }
  next_.finish();
}

}  // namespace streamsync
