#include "base/crypto/openpgp.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "tests/unit/base/environment.h"
#include "tests/unit/base/failure.h"
#include "tests/unit/base/secret_keys.h"
#include "tests/unit/base/temporary_directory.h"

using namespace streamsync;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kPlenty = 100'000'000;

/// Keys of each goodness, and a keyring with all of them but the stranger's.
struct Scene {
  SecretKeys signer;
  std::string first = signer.make_key("first", "ed25519");
  std::string subkey = signer.add_subkey(first);
  std::string second = signer.make_key("second", "rsa2048");
  std::string stranger = signer.make_key("stranger", "ed25519");
  std::string expired = signer.make_key("expired", "ed25519", "1d", kLongAgo);
  std::string revoked = signer.make_key("revoked", "ed25519");
  std::string weak = signer.make_key("weak", "rsa1024");
  std::string old = signer.make_key("old", "ed25519", "never", kLongAgo);
  std::string by_revoked = signer.sign("-u " + revoked);
  fs::path keyring = finish_keyring();

  fs::path finish_keyring() const {
    signer.revoke(revoked);
    return signer.export_keys("keyring.gpg", first + " " + second + " " + expired + " " + revoked +
                                                 " " + weak + " " + old);
  }
};

/// Made once: generating keys is what takes time here.
Scene& scene() {
  static Scene made;
  return made;
}

const Keyring& keyring() {
  static const Keyring made(scene().keyring);
  return made;
}

Spool spooled(std::string_view text) {
  Spool spool;
  spool.write(as_bytes(text));
  return spool;
}

TrustedText verify(std::string_view document, const SignaturePolicy& policy = {}) {
  return keyring().verify_clearsigned(spooled(document), policy, "http://host/index.sjson");
}

std::string text_of(const TrustedText& text) { return read_all(*text.reader(), kPlenty); }

std::vector<std::string> signed_by(const TrustedText& text) {
  return text.signers() ? text.signers()->fingerprints : std::vector<std::string>{};
}

std::string refusal(std::string_view document, const SignaturePolicy& policy = {}) {
  const Error error = failure_of([&] { verify(document, policy); });
  CHECK(error.kind() == ErrorKind::Untrusted);
  CHECK(error.origin() == Origin::Source);
  CHECK_THAT(error.what(), Catch::StartsWith("http://host/index.sjson: "));
  return error.what();
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t position = text.find(from);
  REQUIRE(position != std::string::npos);
  return text.replace(position, from.size(), to);
}

/// What a signature covers of `text`, which ends a line: its last line end stands for the framing.
std::string covered(std::string_view text) { return std::string(text.substr(0, text.size() - 1)); }

constexpr std::string_view kSignatureHeader = "-----BEGIN PGP SIGNATURE-----";

/// `document`, with the signatures of `other` besides its own.
std::string with_signatures_of(const std::string& document, const std::string& other) {
  SecretKeys& signer = scene().signer;
  std::string packets;
  for (const std::string& one : {document, other}) {
    write_file(signer.home() / "armored", one.substr(one.find(kSignatureHeader)));
    signer.gpg("--output " + (signer.home() / "packets").string() + " --dearmor " +
               (signer.home() / "armored").string());
    packets += read_file(signer.home() / "packets");
  }
  write_file(signer.home() / "packets", packets);
  signer.gpg("--no-comments --output " + (signer.home() / "armored").string() + " --enarmor " +
             (signer.home() / "packets").string());
  std::string armor = read_file(signer.home() / "armored");
  armor = replaced(armor, "BEGIN PGP ARMORED FILE", "BEGIN PGP SIGNATURE");
  armor = replaced(armor, "END PGP ARMORED FILE", "END PGP SIGNATURE");
  return document.substr(0, document.find(kSignatureHeader)) + armor;
}

/// Command lines of running processes that name `text`.
std::vector<std::string> processes_naming(const std::string& text) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline", std::ios::binary);
    const std::string line((std::istreambuf_iterator<char>(file)), {});
    if (line.find(text) != std::string::npos) found.push_back(line);
  }
  return found;
}

/// Ubuntu's own signed tree, whose keyring lies beside it; none when it is not on this machine.
std::optional<fs::path> ubuntu_tree() {
  const char* named = std::getenv("STREAMSYNC_UBUNTU_TREE");  // NOLINT(concurrency-mt-unsafe)
  const fs::path tree =
      named != nullptr ? fs::path(named) : TEST_DATA "/../../../shared/data/ubuntu-releases-2016";
  if (fs::exists(tree)) return tree;
  return std::nullopt;
}

}  // namespace

TEST_CASE("a good signature gives the signed text and its key") {
  const TrustedText text = verify(scene().signer.sign("-u " + scene().second));
  CHECK(text_of(text) == covered(kText));
  CHECK(text.digest() == digest_of(DigestAlgorithm::Sha256, covered(kText)));
  CHECK(read_all(*text.document().reader(), kPlenty).starts_with(kClearsignHeader));
  CHECK(signed_by(text) == std::vector<std::string>{scene().second});
}

TEST_CASE("a subkey signs for its primary key") {
  const std::string document = scene().signer.sign("-u " + scene().subkey + "!");
  CHECK(signed_by(verify(document)) == std::vector<std::string>{scene().first});
  CHECK(signed_by(verify(document, {{scene().subkey}, 1})).size() == 1);
  CHECK(signed_by(verify(document, {{scene().first}, 1})).size() == 1);
}

TEST_CASE("forms of a document that RFC 4880 allows are taken") {
  const std::string by = "-u " + scene().first;
  SECTION("lines that begin with a dash") {
    const std::string text = "- a\n-----BEGIN PGP SIGNATURE-----\n--\n{}\n";
    CHECK(text_of(verify(scene().signer.sign(by, text))) == covered(text));
  }
  SECTION("line ends CRLF") {
    std::string document;
    for (const char c : scene().signer.sign(by)) {
      document += c == '\n' ? std::string("\r\n") : std::string(1, c);
    }
    CHECK(text_of(verify(document)) == covered(kText));
  }
  SECTION("blanks at the ends of lines, which are not signed") {
    const std::string document = scene().signer.sign(by, "{} \t\n \n{}\n");
    CHECK(text_of(verify(document)) == "{}\n\n{}");
  }
  SECTION("blanks after the footer") {
    CHECK(text_of(verify(scene().signer.sign(by) + "\n \t\r\n")) == covered(kText));
  }
  SECTION("a document that is longer than all buffers") {
    std::string text;
    while (text.size() < 3'000'000) text += "  \"pubname\": \"ubuntu-xenial-16.04-amd64\",\n";
    CHECK((text_of(verify(scene().signer.sign(by, text))) == covered(text)));
  }
}

TEST_CASE("text that is not signed is refused wherever it stands") {
  const std::string document = scene().signer.sign("-u " + scene().first);
  const std::string evil = "{\"evil\": 1}\n";
  CHECK_THAT(refusal(evil), Contains("not signed"));
  CHECK_THAT(refusal(""), Contains("not signed"));
  CHECK_THAT(refusal("\n" + document), Contains("not signed"));
  CHECK_THAT(refusal(evil + document), Contains("not signed"));
  CHECK_THAT(refusal(document + evil), Contains("framing"));
  CHECK_THAT(refusal(document + document), Contains("framing"));
  CHECK_THAT(refusal(replaced(document, "\n\n", "\n" + evil + "\n")), Contains("framing"));
  CHECK_THAT(refusal(replaced(document, "SIGNATURE-----\n", "SIGNATURE-----\n" + evil)),
             Contains("framing"));
  // In the signed part it is a matter of the signature.
  CHECK_THAT(refusal(replaced(document, kText, evil + kText)),
             Contains(scene().subkey.substr(24)) && Contains("bad"));
  CHECK_THAT(refusal(replaced(document, kText, kText + "\v" + evil)), Contains("bad"));
}

TEST_CASE("every changed byte of the text is noticed") {
  const std::string document = scene().signer.sign("-u " + scene().first);
  const std::size_t begin = document.find(kText);
  const auto offset = GENERATE(as<std::size_t>(), 0, 4, 12);
  std::string changed = document;
  changed[begin + offset] = static_cast<char>(changed[begin + offset] ^ 0x40);
  CHECK_THROWS_AS(verify(changed), Error);
}

TEST_CASE("a signature that is none is refused") {
  const std::string document = scene().signer.sign("-u " + scene().first);
  const std::string front = document.substr(0, document.find(kSignatureHeader));
  CHECK_THROWS_AS(verify(front + "-----BEGIN PGP SIGNATURE-----\n\naGVsbG8gd29ybGQ=\n"
                                 "-----END PGP SIGNATURE-----\n"),
                  Error);
}

TEST_CASE("a signature is refused for what it is, with reason and key") {
  Scene& with = scene();
  SECTION("unknown key") {
    CHECK_THAT(refusal(with.signer.sign("-u " + with.stranger)),
               Contains(with.stranger.substr(24)) && Contains("not in the keyring"));
  }
  SECTION("expired key") {
    CHECK_THAT(refusal(with.signer.sign(kLongAgo + "-u " + with.expired)),
               Contains(with.expired) && Contains("key that has expired"));
  }
  SECTION("revoked key") {
    CHECK_THAT(refusal(with.by_revoked), Contains(with.revoked) && Contains("revoked"));
  }
  SECTION("weak key") {
    CHECK_THAT(refusal(with.signer.sign("-u " + with.weak)),
               Contains(with.weak) && Contains("RSA of 1024 bits"));
  }
  SECTION("SHA-1") {
    CHECK_THAT(refusal(with.signer.sign("--digest-algo SHA1 -u " + with.second)),
               Contains(with.second) && Contains("SHA1"));
  }
  SECTION("RIPEMD-160") {
    CHECK_THAT(refusal(with.signer.sign("--digest-algo RIPEMD160 -u " + with.second)),
               Contains(with.second) && Contains("RIPEMD160"));
  }
  SECTION("expired signature") {
    CHECK_THAT(refusal(with.signer.sign(kLongAgo + "--default-sig-expire 1d -u " + with.old)),
               Contains(with.old) && Contains("has expired"));
  }
  SECTION("signature from the future") {
    const std::string date = to_rfc3339(now() + std::chrono::hours(48)).substr(0, 10);
    const std::string compact = date.substr(0, 4) + date.substr(5, 2) + date.substr(8, 2);
    CHECK_THAT(
        refusal(with.signer.sign("--faked-system-time=" + compact + "T235959! -u " + with.second)),
        Contains(with.second) && Contains("future"));
  }
  SECTION("key that is not pinned") {
    CHECK_THAT(refusal(with.signer.sign("-u " + with.second), {{with.first}, 1}),
               Contains(with.second) && Contains("pinned"));
  }
}

TEST_CASE("several signatures are judged one by one") {
  Scene& with = scene();
  const std::string first = "-u " + with.first + " ";
  const std::string second = "-u " + with.second + " ";
  const SignaturePolicy two = {{}, 2};
  SECTION("two good ones") {
    const TrustedText text = verify(with.signer.sign(first + second), two);
    const auto by = signed_by(text);
    const std::set<std::string> signers(by.begin(), by.end());
    CHECK(signers == std::set<std::string>{with.first, with.second});
  }
  SECTION("one good, one by an unknown key, as in a key rotation") {
    const std::string document = with.signer.sign(second + "-u " + with.stranger);
    CHECK(signed_by(verify(document)) == std::vector<std::string>{with.second});
    CHECK_THAT(refusal(document, two), Contains("1 of 2") && Contains(with.stranger.substr(24)));
  }
  SECTION("one good, one by an expired key") {
    const std::string document = with_signatures_of(
        with.signer.sign(second), with.signer.sign(kLongAgo + "-u " + with.expired));
    CHECK(signed_by(verify(document)) == std::vector<std::string>{with.second});
    CHECK_THAT(refusal(document, two), Contains(with.expired));
  }
  SECTION("one good, one bad") {
    const std::string document =
        with_signatures_of(with.signer.sign("--digest-algo SHA256 " + second),
                           with.signer.sign("--digest-algo SHA512 " + first, "{}\n"));
    CHECK_THAT(refusal(document), Contains("bad"));
  }
  SECTION("the same key twice") {
    const std::string document =
        with_signatures_of(with.signer.sign(second), with.signer.sign(second));
    CHECK(signed_by(verify(document)).size() == 1);
    CHECK_THAT(refusal(document, two), Contains("1 of 2"));
  }
  SECTION("two subkeys of one key") {
    const std::string document = with.signer.sign("-u " + with.first + "! -u " + with.subkey + "!");
    CHECK(signed_by(verify(document)).size() == 1);
    CHECK_THAT(refusal(document, two), Contains("1 of 2"));
  }
}

TEST_CASE("keyrings are taken armored and binary, whatever their path") {
  const TemporaryDirectory place;
  const std::string document = scene().signer.sign("-u " + scene().second);
  const fs::path file = place / GENERATE(as<std::string>(), "a b.gpg", "a:b@c'\"", "Schlüssel");
  const std::string armor = GENERATE(as<std::string>(), "", "--armor ");
  scene().signer.gpg(armor + "--output " + (scene().signer.home() / "exported").string() +
                     " --export " + scene().second);
  fs::copy_file(scene().signer.home() / "exported", file);
  const Keyring keys(file);
  CHECK(text_of(keys.verify_clearsigned(spooled(document), {}, "x")) == covered(kText));
}

TEST_CASE("a keyring without keys is a fault of the configuration") {
  const TemporaryDirectory place;
  write_file(place / "empty", "");
  write_file(place / "text", "no keys here\n");
  for (const char* name : {"missing", "empty", "text", ""}) {
    CAPTURE(name);
    const Error error = failure_of([&] { const Keyring keys(place / name); });
    CHECK(error.kind() == ErrorKind::Config);
    CHECK_THAT(error.what(), Contains((place / name).string()));
  }
}

TEST_CASE("the user's own GnuPG is not looked at") {
  const Environment home("GNUPGHOME", scene().signer.home().string());
  const std::string document = scene().signer.sign("-u " + scene().stranger);
  CHECK_THAT(refusal(document), Contains("not in the keyring"));
}

TEST_CASE("a keyring leaves nothing behind, neither files nor an agent") {
  const fs::path file = scene().keyring;
  const std::string document = scene().signer.sign("-u " + scene().first);
  const TemporaryDirectory place;
  const Environment temporary("TMPDIR", place.path().string());
  {
    Keyring keys(file);
    Keyring moved(std::move(keys));
    CHECK(text_of(moved.verify_clearsigned(spooled(document), {}, "x")) == covered(kText));
    for (const auto& entry : fs::recursive_directory_iterator(place.path())) {
      CAPTURE(entry.path());
      CHECK_FALSE(entry.is_socket());
    }
    for (const auto& entry : fs::directory_iterator(place.path())) {
      CHECK(static_cast<unsigned>(entry.status().permissions()) == 0700);
    }
  }
  CHECK(fs::is_empty(place.path()));
  CHECK(processes_naming(place.path().string()).empty());
}

TEST_CASE("what a killed process left is removed, what a living one uses is not") {
  const fs::path file = scene().keyring;
  const std::string document = scene().signer.sign("-u " + scene().first);
  const TemporaryDirectory place;
  const Environment temporary("TMPDIR", place.path().string());
  const fs::path abandoned = place / "streamsync-gnupg-killed";
  const auto abandon = [&] {
    fs::create_directory(abandoned);
    write_file(abandoned / "pubring.kbx", "keys");
  };
  abandon();
  fs::create_directory(place / "other");
  write_file(place / "other/file", "untouched");
  fs::create_directory_symlink(place / "other", place / "streamsync-gnupg-link");

  const Keyring first(file);
  CHECK_FALSE(fs::exists(abandoned));
  CHECK(text_of(first.verify_clearsigned(spooled(document), {}, "x")) == covered(kText));
  CHECK(read_file(place / "other/file") == "untouched");
  abandon();
  const auto second = Keyring::of_keys(read_file(file));
  CHECK_FALSE(fs::exists(abandoned));
  CHECK(text_of(second.verify_clearsigned(spooled(document), {}, "x")) == covered(kText));
  CHECK(text_of(first.verify_clearsigned(spooled(document), {}, "x")) == covered(kText));
}

TEST_CASE("a signature may be in a file of its own") {
  Scene& with = scene();
  const std::string armor = GENERATE(as<std::string>(), "", "--armor ");
  const std::string kind = GENERATE(as<std::string>(), "", "--textmode ");
  const Spool signature =
      spooled(with.signer.sign_apart("-u " + with.second + " " + armor + kind, kText));
  const auto verify_apart = [&](std::string_view document) {
    return keyring().verify_detached(spooled(document), signature, {}, "index.json");
  };
  const TrustedText text = verify_apart(kText);
  CHECK(text_of(text) == kText);
  CHECK(signed_by(text) == std::vector<std::string>{with.second});
  // The same as of the clear-signed text.
  CHECK(text.digest() == digest_of(DigestAlgorithm::Sha256, covered(kText)));
  const Error error = failure_of([&] { verify_apart(replaced(kText, "index", "indey")); });
  CHECK(error.kind() == ErrorKind::Untrusted);
  CHECK_THAT(error.what(), Catch::StartsWith("index.json: ") && Contains("bad"));
}

TEST_CASE("what is no detached signature is none") {
  Scene& with = scene();
  const std::string clearsigned = with.signer.sign("-u " + with.second);
  for (const std::string& signature : {std::string(), kText, clearsigned}) {
    CAPTURE(signature);
    const Error error = failure_of(
        [&] { keyring().verify_detached(spooled(kText), spooled(signature), {}, "index.json"); });
    CHECK(error.kind() == ErrorKind::Untrusted);
  }
}

TEST_CASE("the newest counted signature dates a document") {
  Scene& with = scene();
  const std::string document =
      with.signer.sign("--faked-system-time=20210203T040506! -u " + with.old);
  CHECK(to_rfc3339(verify(document).signers().value().signed_at) == "2021-02-03T04:05:06Z");
}

TEST_CASE("documents that the operator takes unsigned lose their framing") {
  const std::string document = scene().signer.sign("-u " + scene().stranger, "- a\n" + kText);
  const TrustedText text = accept_unverified(spooled(document), "x");
  CHECK(text_of(text) == "- a\n" + covered(kText));
  CHECK_FALSE(text.signers());
  CHECK(text.digest() == digest_of(DigestAlgorithm::Sha256, text_of(text)));

  CHECK(text_of(accept_unverified(spooled(kText), "x")) == kText);
  CHECK(text_of(accept_unverified(spooled(""), "x")).empty());

  const Error error = failure_of([&] { accept_unverified(spooled(document + "evil"), "x.sjson"); });
  CHECK(error.kind() == ErrorKind::Malformed);
  CHECK_THAT(error.what(), Catch::StartsWith("x.sjson: "));
}

TEST_CASE("clear-signed documents are known by their first bytes") {
  CHECK(is_clearsigned(spooled("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n")));
  CHECK_FALSE(is_clearsigned(spooled("")));
  CHECK_FALSE(is_clearsigned(spooled("-----BEGIN PGP SIGNED")));
  CHECK_FALSE(is_clearsigned(spooled("\n-----BEGIN PGP SIGNED MESSAGE-----\n")));
  CHECK_FALSE(is_clearsigned(spooled("-----BEGIN PGP MESSAGE-----\n\naaaaaaaaaaaaaaaaaaaaa\n")));
}

TEST_CASE("Ubuntu's own documents verify with Ubuntu's own keys") {
  const auto tree = ubuntu_tree();
  if (!tree) {
    WARN("skipped: no signed Ubuntu tree here; STREAMSYNC_UBUNTU_TREE names one");
    return;
  }
  const Keyring ubuntu(tree->parent_path() / "ubuntu-cloudimage-keyring.gpg");
  const fs::path directory = *tree / "streams/v1";
  const std::string name =
      GENERATE(as<std::string>(), "index.sjson", "com.ubuntu.cloud:released:download.sjson");
  std::string document = read_file(directory / name);
  const TrustedText text = ubuntu.verify_clearsigned(spooled(document), {}, name);
  CHECK(signed_by(text) == std::vector<std::string>{"4A3CE3CD565D7EB5C810E2B97FF3F408476CF100"});
  CHECK((text_of(text) == text_of(accept_unverified(spooled(document), name))));

  char& flipped = document[document.size() / 2];
  flipped = static_cast<char>(flipped ^ 1);
  const Error error = failure_of([&] { ubuntu.verify_clearsigned(spooled(document), {}, name); });
  CHECK(error.kind() == ErrorKind::Untrusted);
}
