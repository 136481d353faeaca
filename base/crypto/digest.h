#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/io/bytes.h"

namespace streamsync {

/// In order of strength.
enum class DigestAlgorithm { Md5, Sha256, Sha512 };
inline constexpr std::array kStrongestFirst = {DigestAlgorithm::Sha512, DigestAlgorithm::Sha256,
                                               DigestAlgorithm::Md5};

std::string_view to_string(DigestAlgorithm algorithm) noexcept;  // "md5", "sha256", "sha512"
std::optional<DigestAlgorithm> parse_digest_algorithm(std::string_view name) noexcept;

/// A digest. A run holds several of each item, so it takes no memory of its own.
class Digest {
 public:
  /// None when `hex` is not exactly as long as the algorithm's digest, or not hexadecimal. Upper
  /// case is taken (upstream compares case-sensitively and fails: `upstream-gss.md` §4.5).
  static std::optional<Digest> parse(DigestAlgorithm algorithm, std::string_view hex);

  DigestAlgorithm algorithm() const noexcept { return algorithm_; }
  /// In lower case.
  std::string hex() const;
  /// "sha256:0123…"
  std::string str() const;
  auto operator<=>(const Digest&) const = default;

 private:
  friend class Hasher;
  explicit Digest(DigestAlgorithm algorithm) : algorithm_(algorithm) {}

  DigestAlgorithm algorithm_;
  std::array<unsigned char, 64> bytes_{};  // those of shorter ones first, then zeros
};

/// OpenSSL EVP. One use: after `finish` the object is spent. A copy goes on from the same bytes.
class Hasher {
 public:
  explicit Hasher(DigestAlgorithm algorithm);
  ~Hasher();
  Hasher(const Hasher& other);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  void update(Bytes bytes);
  Digest finish();

 private:
  struct Context;
  DigestAlgorithm algorithm_;
  std::unique_ptr<Context> context_;
};

Digest digest_of(DigestAlgorithm algorithm, std::string_view text);
Digest digest_of(DigestAlgorithm algorithm, ByteSource& bytes);

/// The first bytes of a content, hashed.
struct HashedBeginning {
  std::uint64_t size = 0;
  Hasher hasher;
};

/// Passes bytes on, and `finish` only when they are as many as promised and have the promised
/// digest. Never passes more than `size` bytes: throws at size + 1 (threats-and-faults.md T10).
/// Throws `Error{Corrupt, Source}`: what was expected and what came.
class VerifyingSink final : public ByteSink {
 public:
  VerifyingSink(const Digest& expected, std::uint64_t size, ByteSink& next);
  /// For what comes behind a beginning that was hashed with the algorithm of `expected`.
  VerifyingSink(const Digest& expected, std::uint64_t size, HashedBeginning begun, ByteSink& next);

  /// What has come by now.
  const HashedBeginning& come() const noexcept { return come_; }

  void write(Bytes bytes) override;
  void finish() override;

 private:
  Digest expected_;
  std::uint64_t size_;
  HashedBeginning come_;
  ByteSink& next_;
};

}  // namespace streamsync
