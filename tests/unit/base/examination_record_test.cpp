#include "base/crypto/examination_record.h"

#include <catch2/catch.hpp>

using namespace streamsync;

namespace {

const std::string kPrimary(40, 'A');
const std::string kSubkey(40, 'B');
const std::string kWeak(40, 'C');
const Time kNow{std::chrono::seconds(1'800'000'000)};
const Time kMade = kNow - std::chrono::hours(1);
const Time kLater = kNow + std::chrono::hours(1);

Digest seal(std::string_view of) { return digest_of(DigestAlgorithm::Sha256, of); }

Signature good(const std::string& key) {
  return {key, SignatureStatus::Good, "SHA512", kMade, {}, ""};
}

Examination examined() {
  return {{good(kSubkey)}, {{kPrimary, kPrimary, "", {}}, {kSubkey, kPrimary, "", {}}}};
}

std::optional<Examination> read_again(const Examination& examination, Time now = kNow) {
  return recorded_examination(record_examination(seal("a"), examination), seal("a"), now);
}

}  // namespace

TEST_CASE("a record says what was found, and of what") {
  const auto found = read_again(examined());
  REQUIRE(found);
  const Signers signers = judge_signatures(*found, {{kPrimary}, 1}, kNow);
  CHECK(signers.fingerprints == std::vector{kPrimary});
  CHECK(signers.signed_at == kMade);
  CHECK_FALSE(recorded_examination(record_examination(seal("a"), examined()), seal("b"), kNow));
}

TEST_CASE("pins and thresholds are judged anew") {
  const auto found = read_again(examined());
  REQUIRE(found);
  CHECK_THROWS(judge_signatures(*found, {{std::string(40, 'F')}, 1}, kNow));
  CHECK_THROWS(judge_signatures(*found, {{}, 2}, kNow));
}

TEST_CASE("GnuPG looks again once a signature or its key has expired") {
  Examination examination = examined();
  SECTION("the signature") { examination.signatures[0].expires = kLater; }
  SECTION("the key") { examination.keys[1].expires = kLater; }
  SECTION("whichever is first") {
    examination.signatures[0].expires = kLater + std::chrono::hours(1);
    examination.keys[1].expires = kLater;
  }
  CHECK(read_again(examination));
  CHECK_FALSE(read_again(examination, kLater));
}

TEST_CASE("only what was good is recorded") {
  Examination examination = examined();
  SECTION("a signature that was not") {
    examination.signatures[0].status = SignatureStatus::KeyExpired;
  }
  SECTION("a key that is too weak") { examination.keys[1].weakness = "RSA of 1024 bits"; }
  SECTION("a key that is not there") { examination.keys.pop_back(); }
  CHECK_FALSE(read_again(examination));
}

TEST_CASE("what is no record is none") {
  const std::string whole = record_examination(seal("a"), examined());
  for (const std::string& line :
       {std::string(), seal("a").hex(), seal("a").hex() + " ", whole + " ", whole + ",1",
        whole + "x", whole.substr(0, whole.size() - 2), " " + whole}) {
    CAPTURE(line);
    CHECK_FALSE(recorded_examination(line, seal("a"), kNow));
  }
}
