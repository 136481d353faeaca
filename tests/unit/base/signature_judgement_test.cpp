#include "base/crypto/signature_judgement.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "tests/unit/base/failure.h"

using namespace streamsync;
using Catch::Contains;

namespace {

const std::string kFirst(40, 'A');
const std::string kFirstSubkey(40, 'B');
const std::string kSecond(40, 'C');
const std::string kWeak(40, 'D');
const std::string kUnknown(16, 'E');

const std::vector<SigningKey> kKeys = {{kFirst, kFirst, "", {}},
                                       {kFirstSubkey, kFirst, "", {}},
                                       {kSecond, kSecond, "", {}},
                                       {kWeak, kWeak, "RSA of 1024 bits", {}}};

const Time kNow{std::chrono::seconds(1'800'000'000)};

Signature good(const std::string& key) {
  return {key, SignatureStatus::Good, "SHA512", kNow - std::chrono::hours(1), {}, ""};
}

Signature with(SignatureStatus status, const std::string& key) {
  Signature signature = good(key);
  signature.status = status;
  return signature;
}

using Fingerprints = std::vector<std::string>;

Fingerprints judge(const std::vector<Signature>& signatures, const SignaturePolicy& policy = {}) {
  return judge_signatures({signatures, kKeys}, policy, kNow).fingerprints;
}

std::string refusal(const std::vector<Signature>& signatures, const SignaturePolicy& policy = {}) {
  const Error error = failure_of([&] { judge(signatures, policy); });
  CHECK(error.kind() == ErrorKind::Untrusted);
  CHECK(error.origin() == Origin::Source);
  return error.what();
}

}  // namespace

TEST_CASE("one good signature is enough, unknown keys beside it do not matter") {
  CHECK(judge({good(kFirst)}) == Fingerprints{kFirst});
  CHECK(judge({with(SignatureStatus::UnknownKey, kUnknown), good(kSecond)}) ==
        Fingerprints{kSecond});
}

TEST_CASE("a subkey's signature counts for its primary key") {
  CHECK(judge({good(kFirstSubkey)}) == Fingerprints{kFirst});
}

TEST_CASE("one bad signature refuses the document") {
  CHECK_THAT(refusal({good(kFirst), with(SignatureStatus::Bad, kSecond)}),
             Contains(kSecond) && Contains("bad"));
}

TEST_CASE("what does not count is named with its reason and key") {
  CHECK_THAT(refusal({}), Contains("no signature"));
  CHECK_THAT(refusal({with(SignatureStatus::UnknownKey, kUnknown)}),
             Contains(kUnknown) && Contains("not in the keyring"));
  CHECK_THAT(refusal({with(SignatureStatus::Expired, kFirst)}),
             Contains(kFirst) && Contains("expired"));
  CHECK_THAT(refusal({with(SignatureStatus::KeyExpired, kFirst)}),
             Contains(kFirst) && Contains("key that has expired"));
  CHECK_THAT(refusal({with(SignatureStatus::KeyRevoked, kFirst)}),
             Contains(kFirst) && Contains("revoked"));
  CHECK_THAT(refusal({good(kWeak)}), Contains(kWeak) && Contains("RSA of 1024 bits"));
  CHECK_THAT(refusal({good(kUnknown)}), Contains(kUnknown) && Contains("not in the keyring"));

  Signature unusable = with(SignatureStatus::Unusable, kFirst);
  unusable.detail = "odd algorithm";
  CHECK_THAT(refusal({unusable}), Contains(kFirst) && Contains("odd algorithm"));
}

TEST_CASE("only SHA-2 of 256 bits and more is taken") {
  Signature signature = good(kFirst);
  for (const char* digest : {"SHA256", "SHA384", "SHA512"}) {
    signature.digest = digest;
    CHECK(judge({signature}) == Fingerprints{kFirst});
  }
  for (const char* digest : {"SHA1", "MD5", "RIPEMD160", "SHA224", "", "(unknown)"}) {
    signature.digest = digest;
    CHECK_THAT(refusal({signature}), Contains(digest) && Contains(kFirst));
  }
}

TEST_CASE("a clock may be wrong by a day, not by more") {
  Signature signature = good(kFirst);
  signature.made = kNow + std::chrono::hours(24);
  CHECK(judge({signature}) == Fingerprints{kFirst});
  signature.made += std::chrono::seconds(1);
  CHECK_THAT(refusal({signature}), Contains(kFirst) && Contains("future"));
}

TEST_CASE("the newest signature that counts dates the document") {
  Signature older = good(kFirst);
  older.made -= std::chrono::hours(5);
  Signature expired = with(SignatureStatus::Expired, kFirst);
  expired.made = kNow;
  const Signers signers = judge_signatures({{older, good(kSecond), expired}, kKeys}, {}, kNow);
  CHECK(signers.signed_at == good(kSecond).made);
}

TEST_CASE("the threshold counts distinct primary keys") {
  const SignaturePolicy two = {{}, 2};
  CHECK(judge({good(kFirst), good(kSecond)}, two) == Fingerprints{kFirst, kSecond});
  CHECK_THAT(refusal({good(kFirst)}, two), Contains("1 of 2"));
  CHECK_THAT(refusal({good(kFirst), good(kFirst)}, two), Contains("1 of 2"));
  CHECK_THAT(refusal({good(kFirst), good(kFirstSubkey)}, two), Contains("1 of 2"));
}

TEST_CASE("a threshold of nothing still wants one") {
  CHECK_THAT(refusal({}, {{}, 0}), Contains("no signature"));
}

TEST_CASE("pins name primary keys or subkeys, however they are written") {
  const std::string lower(40, 'a');
  std::string grouped;
  for (int i = 0; i < 10; ++i) grouped += " AAAA";
  for (const std::string& pin : {kFirst, lower, grouped, "0x" + kFirst}) {
    CAPTURE(pin);
    CHECK(judge({good(kFirst)}, {{pin}, 1}) == Fingerprints{kFirst});
    CHECK(judge({good(kFirstSubkey)}, {{pin}, 1}) == Fingerprints{kFirst});
  }
  CHECK(judge({good(kFirstSubkey)}, {{kFirstSubkey}, 1}) == Fingerprints{kFirst});
  CHECK(judge({good(kSecond)}, {{kFirst, kSecond}, 1}) == Fingerprints{kSecond});
}

TEST_CASE("keys that are not pinned do not count") {
  CHECK_THAT(refusal({good(kSecond)}, {{kFirst}, 1}), Contains(kSecond) && Contains("pinned"));
  CHECK_THAT(refusal({good(kFirst)}, {{kFirstSubkey}, 1}), Contains("pinned"));
  // A key id is no fingerprint: ids can be forged.
  CHECK_THAT(refusal({good(kFirst)}, {{kFirst.substr(24)}, 1}), Contains("pinned"));
  CHECK_THAT(refusal({good(kFirst)}, {{""}, 1}), Contains("pinned"));
  CHECK_THAT(refusal({good(kFirst), good(kSecond)}, {{kFirst}, 2}), Contains("1 of 2"));
}
