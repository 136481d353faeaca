#include "streams/item.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "base/text.h"

namespace streamsync {
namespace {

// A larger number has no exact place in a JSON reader that uses doubles (threats-and-faults.md
// T20).
constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 53;

[[noreturn]] void refuse(const Item& item, std::string_view why) {
  throw Error(ErrorKind::Malformed, Origin::Source, fmt::format("{}: {}", item.key.str(), why));
}

std::uint64_t size_of(const Item& item) {
  const auto size = item.tags.find("size");
  if (!size) refuse(item, "the tag size is missing");
  const auto bytes = parse_decimal(*size);
  if (!bytes || *bytes > kMaxSize) {
    refuse(item, fmt::format("the tag size is \"{}\", not a number of bytes", printable(*size)));
  }
  return *bytes;
}

std::optional<Digest> digest_of(const Item& item, DigestAlgorithm algorithm) {
  const auto hex = item.tags.find(to_string(algorithm));
  if (!hex) return std::nullopt;
  auto digest = Digest::parse(algorithm, *hex);
  if (!digest) {
    refuse(item, fmt::format("the tag {} is \"{}\", not a digest of that kind",
                             to_string(algorithm), printable(*hex)));
  }
  return digest;
}

}  // namespace

std::string ItemKey::str() const {
  return printable(
      fmt::format("{} {} {} {}", content_id.str(), product.str(), version.str(), item.str()));
}

ItemContent content_of(const Item& item) {
  const std::uint64_t size = size_of(item);
  auto md5 = digest_of(item, DigestAlgorithm::Md5);
  auto sha256 = digest_of(item, DigestAlgorithm::Sha256);
  auto sha512 = digest_of(item, DigestAlgorithm::Sha512);
  auto strongest = sha512 ? std::move(sha512) : sha256 ? std::move(sha256) : md5;
  if (!strongest) refuse(item, "none of the tags md5, sha256 and sha512 is there");
  return {size, std::move(*strongest), std::move(md5)};
}

bool has_digest(const Item& item, const Digest& digest) {
  const auto algorithm = digest.algorithm();
  return Digest::parse(algorithm, tag(item.tags, to_string(algorithm))) == digest;
}

std::vector<Digest> sha2_digests_of(const Item& item) {
  std::vector<Digest> digests;
  for (const auto algorithm : {DigestAlgorithm::Sha512, DigestAlgorithm::Sha256}) {
    auto digest = Digest::parse(algorithm, tag(item.tags, to_string(algorithm)));
    if (digest) digests.push_back(*std::move(digest));
  }
  return digests;
}

}  // namespace streamsync
