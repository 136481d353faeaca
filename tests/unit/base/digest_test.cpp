#include "base/crypto/digest.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "tests/unit/base/failure.h"

using namespace streamsync;

namespace {

constexpr std::string_view kSha256OfAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Keeps what comes, and whether it was finished.
class Record final : public ByteSink {
 public:
  void write(Bytes bytes) override { text += as_text(bytes); }
  void finish() override { finished = true; }

  std::string text;
  bool finished = false;
};

}  // namespace

TEST_CASE("digests have the values of their standards") {
  // RFC 1321 §A.5, FIPS 180-2 appendix B and C.
  CHECK(digest_of(DigestAlgorithm::Md5, "abc").hex() == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(digest_of(DigestAlgorithm::Md5, "").hex() == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(digest_of(DigestAlgorithm::Sha256, "abc").hex() == kSha256OfAbc);
  CHECK(digest_of(DigestAlgorithm::Sha512, "abc").hex() ==
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST_CASE("a digest does not depend on how the text is cut") {
  Hasher hasher(DigestAlgorithm::Sha256);
  hasher.update(as_bytes("a"));
  hasher.update(as_bytes(""));
  Hasher moved = std::move(hasher);
  moved.update(as_bytes("bc"));
  CHECK(moved.finish().hex() == kSha256OfAbc);
}

TEST_CASE("a digest is read in either case and at its exact length") {
  const std::string upper = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
  const auto digest = Digest::parse(DigestAlgorithm::Sha256, upper);
  REQUIRE(digest.has_value());
  CHECK(digest->hex() == kSha256OfAbc);
  CHECK(digest->str() == "sha256:" + std::string(kSha256OfAbc));
  CHECK(*digest == digest_of(DigestAlgorithm::Sha256, "abc"));

  CHECK_FALSE(Digest::parse(DigestAlgorithm::Sha512, upper));
  CHECK_FALSE(Digest::parse(DigestAlgorithm::Sha256, ""));
  CHECK_FALSE(Digest::parse(DigestAlgorithm::Sha256, upper.substr(1)));
  CHECK_FALSE(Digest::parse(DigestAlgorithm::Sha256, upper + "0"));
  CHECK_FALSE(Digest::parse(DigestAlgorithm::Sha256, "g" + upper.substr(1)));
  CHECK_FALSE(Digest::parse(DigestAlgorithm::Sha256, " " + upper.substr(1)));
}

TEST_CASE("algorithms have names and an order of strength") {
  for (const auto algorithm :
       {DigestAlgorithm::Md5, DigestAlgorithm::Sha256, DigestAlgorithm::Sha512}) {
    CHECK(parse_digest_algorithm(to_string(algorithm)) == algorithm);
  }
  CHECK(parse_digest_algorithm("sha1") == std::nullopt);
  CHECK(parse_digest_algorithm("SHA256") == std::nullopt);
  CHECK(DigestAlgorithm::Md5 < DigestAlgorithm::Sha256);
  CHECK(DigestAlgorithm::Sha256 < DigestAlgorithm::Sha512);
}

TEST_CASE("a verifying sink passes what was promised") {
  Record record;
  VerifyingSink sink(digest_of(DigestAlgorithm::Sha512, "abcdef"), 6, record);
  sink.write(as_bytes("abc"));
  sink.write(as_bytes("def"));
  CHECK_FALSE(record.finished);
  sink.finish();
  CHECK(record.text == "abcdef");
  CHECK(record.finished);
}

TEST_CASE("a verifying sink takes an empty item") {
  Record record;
  VerifyingSink sink(digest_of(DigestAlgorithm::Md5, ""), 0, record);
  SECTION("and finishes it") {
    sink.finish();
    CHECK(record.finished);
  }
  SECTION("and no byte of it") { CHECK_THROWS_AS(sink.write(as_bytes("a")), Error); }
}

TEST_CASE("a verifying sink finishes nothing that is not as promised") {
  Record record;
  VerifyingSink sink(digest_of(DigestAlgorithm::Sha256, "abc"), 3, record);
  SECTION("too short") {
    sink.write(as_bytes("ab"));
    const Error error = failure_of([&] { sink.finish(); });
    CHECK(error.kind() == ErrorKind::Corrupt);
    CHECK(error.origin() == Origin::Source);
    CHECK_THAT(error.what(), Catch::Contains("2 of 3"));
  }
  SECTION("too long, at the first byte too many") {
    sink.write(as_bytes("abc"));
    const Error error = failure_of([&] { sink.write(as_bytes("d")); });
    CHECK(error.kind() == ErrorKind::Corrupt);
    CHECK(record.text == "abc");
  }
  SECTION("too long in one piece") {
    CHECK_THROWS_AS(sink.write(as_bytes("abcd")), Error);
    CHECK(record.text.size() <= 3);
  }
  SECTION("other bytes") {
    sink.write(as_bytes("abd"));
    const Error error = failure_of([&] { sink.finish(); });
    CHECK(error.kind() == ErrorKind::Corrupt);
    CHECK_THAT(error.what(), Catch::Contains(std::string(kSha256OfAbc)));
    CHECK_THAT(error.what(), Catch::Contains(digest_of(DigestAlgorithm::Sha256, "abd").hex()));
  }
  CHECK_FALSE(record.finished);
}
