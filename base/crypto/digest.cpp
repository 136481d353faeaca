#include "base/crypto/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

std::size_t hex_length(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::Md5:
      return 32;
    case DigestAlgorithm::Sha256:
      return 64;
    case DigestAlgorithm::Sha512:
      return 128;
  }
  return 0;
}

// For each character the digit in lower case; 0 for what is none. Digests are read several times an
// item, so that a branch for each character is felt.
constexpr std::array<char, 256> lower_hex() {
  std::array<char, 256> digits{};
  for (unsigned char c = '0'; c <= '9'; ++c) digits[c] = static_cast<char>(c);
  for (unsigned char c = 'a'; c <= 'f'; ++c) {
    digits[c] = static_cast<char>(c);
    digits[static_cast<unsigned char>(c - 'a' + 'A')] = static_cast<char>(c);
  }
  return digits;
}

constexpr auto kLowerHex = lower_hex();

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
  if (hex.size() != hex_length(algorithm)) return std::nullopt;
  std::string lower(hex);
  for (char& c : lower) c = kLowerHex[static_cast<unsigned char>(c)];
  if (lower.find('\0') != std::string::npos) return std::nullopt;
  return Digest(algorithm, std::move(lower));
}

std::string Digest::str() const { return fmt::format("{}:{}", to_string(algorithm_), hex_); }

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

Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(Bytes bytes) {
  if (EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) != 1) throw unusable(algorithm_);
}

Digest Hasher::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned length = 0;
  if (EVP_DigestFinal_ex(context_->evp, raw.data(), &length) != 1) throw unusable(algorithm_);
  const std::string hex = to_hex(as_text(std::as_bytes(std::span(raw.data(), length))));
  return Digest::parse(algorithm_, hex).value();
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
    : expected_(expected), size_(size), hasher_(expected.algorithm()), next_(next) {}

void VerifyingSink::write(Bytes bytes) {
  if (bytes.size() > size_ - seen_) {
    throw Error(ErrorKind::Corrupt, Origin::Source,
                fmt::format("the content is longer than the {} bytes that were promised", size_));
  }
  hasher_.update(bytes);
  seen_ += bytes.size();
  next_.write(bytes);
}

void VerifyingSink::finish() {
  if (seen_ != size_) {
    throw Error(ErrorKind::Corrupt, Origin::Source,
                fmt::format("the content ends after {} of {} bytes", seen_, size_));
  }
  const Digest found = hasher_.finish();
  if (found != expected_) {
    throw Error(
        ErrorKind::Corrupt, Origin::Source,
        fmt::format("the content has {} where {} was promised", found.str(), expected_.str()));
  }
  next_.finish();
}

}  // namespace streamsync
