#include "base/crypto/signer.h"

#include <catch2/catch.hpp>
#include <string>

#include "base/crypto/openpgp.h"
#include "base/error.h"
#include "tests/unit/base/environment.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/base/secret_keys.h"

using namespace streamsync;
using Catch::Contains;

namespace {

/// The user's own home, and its keys.
struct User {
  SecretKeys keys;
  Environment home{"GNUPGHOME", keys.home().string()};
  std::string own = keys.make_key("own", "rsa2048");
};

User& user() {
  static User made;
  return made;
}

Spool spooled(std::string_view text) {
  Spool spool;
  spool.write(as_bytes(text));
  return spool;
}

std::string refusal(const std::string& fingerprint) {
  const Error error = failure_of([&] { Signer signer(fingerprint); });
  CHECK(error.kind() == ErrorKind::Config);
  CHECK_THAT(error.what(), Contains("signing_key " + fingerprint));
  return error.what();
}

}  // namespace

TEST_CASE("what is signed is taken by who has the public key") {
  User& with = user();
  Signer signer(with.own);
  const Keyring readers(with.keys.export_keys("public.gpg", with.own));

  const std::string message = signer.clearsign(kText);
  const auto text = readers.verify_clearsigned(spooled(message), {}, "x");
  CHECK(read_all(*text.reader(), kText.size()) + "\n" == kText);
  CHECK_THAT(message, Contains("Hash: SHA512") || Contains("Hash: SHA256"));

  const std::string signature = signer.sign_apart(kText);
  CHECK_THAT(signature, Catch::StartsWith("-----BEGIN PGP SIGNATURE-----"));
  CHECK_NOTHROW(readers.verify_detached(spooled(kText), spooled(signature), {}, "x"));
}

TEST_CASE("a signer knows its own signatures") {
  User& with = user();
  const std::string other = with.keys.make_key("other", "ed25519");
  Signer signer(with.own);
  const std::string message = signer.clearsign(kText);
  CHECK(signer.has_clearsigned(kText, message));
  CHECK_FALSE(signer.has_clearsigned(kText + " ", message));
  CHECK_FALSE(signer.has_clearsigned(kText, Signer(other).clearsign(kText)));
  CHECK_FALSE(signer.has_clearsigned(kText, kText));
  CHECK_FALSE(signer.has_clearsigned(kText, ""));

  const std::string signature = signer.sign_apart(kText);
  CHECK(signer.has_signed_apart(kText, signature));
  CHECK_FALSE(signer.has_signed_apart(kText + " ", signature));
  CHECK_FALSE(signer.has_signed_apart(kText, Signer(other).sign_apart(kText)));
  CHECK_FALSE(signer.has_signed_apart(kText, kText));
  CHECK_FALSE(signer.has_signed_apart(kText, ""));
}

TEST_CASE("a key that can't sign, or that no reader takes, is refused with the reason") {
  User& with = user();
  CHECK_THAT(refusal(std::string(40, 'A')), Contains("no such secret key"));
  CHECK_THAT(refusal(with.keys.make_key("late", "rsa2048", "1d", kLongAgo)),
             Contains("has expired"));
  const std::string revoked = with.keys.make_key("revoked", "rsa2048");
  with.keys.revoke(revoked);
  CHECK_THAT(refusal(revoked), Contains("was revoked"));
  CHECK_THAT(refusal(with.keys.add_subkey(with.keys.make_key("main", "rsa2048"))),
             Contains("is a subkey; name its primary key"));
  CHECK_THAT(refusal(with.keys.make_key("weak", "rsa1024")), Contains("too weak"));
}

TEST_CASE("nobody is asked for a passphrase") {
  User& with = user();
  const std::string locked =
      with.keys.make_key("locked", "ed25519", "never", "--pinentry-mode loopback", "secret");
  with.keys.forget_passphrases();
  CHECK_THAT(refusal(locked), Contains("have gpg-agent know it"));
}
