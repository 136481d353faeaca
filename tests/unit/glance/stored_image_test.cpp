#include "glance/stored_image.h"

#include <catch2/catch.hpp>

namespace streamsync {
namespace {

constexpr std::string_view kText = "the bytes";

/// What a healthy Glance says of kText.
Image stored(DigestAlgorithm os_hash = DigestAlgorithm::Sha512) {
  Image image;
  image.status = "active";
  image.size = kText.size();
  image.checksum = digest_of(DigestAlgorithm::Md5, kText).hex();
  image.os_hash_algo = to_string(os_hash);
  image.os_hash_value = digest_of(os_hash, kText).hex();
  return image;
}

ItemContent promise(DigestAlgorithm strongest, std::string_view text = kText) {
  return {text.size(), digest_of(strongest, text), std::nullopt};
}

ItemContent promise_with_md5(std::string_view md5_of) {
  ItemContent promised = promise(DigestAlgorithm::Sha256);
  promised.md5 = digest_of(DigestAlgorithm::Md5, md5_of);
  return promised;
}

std::optional<Digest> sent(std::string_view text) {
  return digest_of(DigestAlgorithm::Sha512, text);
}

}  // namespace

TEST_CASE("state of what is held") {
  using State = std::optional<HeldState>;
  const auto [status, visibility, hidden, expected] =
      GENERATE(table<const char*, const char*, bool, State>({
          {"active", "public", false, HeldState::Present},
          {"active", "public", true, HeldState::Withdrawn},
          {"active", "community", true, HeldState::Withdrawn},
          {"active", "community", false, HeldState::Present},
          {"active", "private", false, HeldState::Present},
          {"active", "private", true, HeldState::Withdrawn},
          {"deactivated", "private", true, HeldState::Deactivated},
          {"queued", "private", true, HeldState::Incomplete},
          {"saving", "private", true, HeldState::Incomplete},
          {"importing", "public", false, HeldState::Incomplete},
          {"uploading", "private", false, HeldState::Incomplete},
          {"deleted", "private", true, std::nullopt},
          {"pending_delete", "public", false, std::nullopt},
          {"killed", "private", true, std::nullopt},
      }));
  Image image;
  image.status = status;
  image.visibility = visibility;
  image.os_hidden = hidden;
  CAPTURE(status, visibility, hidden);
  CHECK(held_state(image) == expected);
}

TEST_CASE("only what we marked waits to be shown") {
  Image image;
  image.status = "active";
  image.os_hidden = true;
  image.visibility = "private";
  image.properties.emplace(kUnrevealedProperty, "true");
  CHECK(held_state(image) == HeldState::Unrevealed);

  SECTION("what somebody shows is shown") {
    image.os_hidden = false;
    CHECK(held_state(image) == HeldState::Present);
  }
  SECTION("whoever may use it: what shows it takes the mark away") {
    image.visibility = "public";
    CHECK(held_state(image) == HeldState::Unrevealed);
  }
  SECTION("what we hid since waits for its removal") {
    image.properties.emplace(kSupersededProperty, "true");
    CHECK(held_state(image) == HeldState::Hidden);
  }
}

TEST_CASE("only what we hid waits for its removal") {
  Image image;
  image.status = "active";
  image.os_hidden = true;
  image.visibility = GENERATE("public", "community", "private");
  image.properties.emplace(kSupersededProperty, "true");
  CHECK(held_state(image) == HeldState::Hidden);

  SECTION("what somebody shows again is shown") {
    image.os_hidden = false;
    CHECK(held_state(image) == HeldState::Present);
  }
  SECTION("what is taken out of use is that first") {
    image.status = "deactivated";
    CHECK(held_state(image) == HeldState::Deactivated);
  }
}

TEST_CASE("a wrong size is wrong whatever the digests say") {
  Image image = stored();
  ++image.size;
  CHECK(compare_stored(image, promise_with_md5(kText), sent(kText)) == Stored::Wrong);
}

TEST_CASE("the signed md5 is compared with Glance's checksum") {
  CHECK(compare_stored(stored(), promise_with_md5(kText), std::nullopt) == Stored::Right);
}

TEST_CASE("a signed md5 that differs leaves the decision to the strongest digest") {
  const ItemContent promised = promise_with_md5("other");
  CHECK(compare_stored(stored(), promised, std::nullopt) == Stored::Unknown);
  // Glance happens to name the strongest digest, so nothing needs to be read.
  CHECK(compare_stored(stored(DigestAlgorithm::Sha256), promised, std::nullopt) == Stored::Right);
}

TEST_CASE("the strongest digest decides where Glance names its algorithm") {
  const auto algorithm = GENERATE(DigestAlgorithm::Sha256, DigestAlgorithm::Sha512);
  ItemContent wrong = promise(algorithm);
  wrong.strongest = digest_of(algorithm, "other");
  wrong.md5 = digest_of(DigestAlgorithm::Md5, kText);
  CHECK(compare_stored(stored(algorithm), promise(algorithm), std::nullopt) == Stored::Right);
  CHECK(compare_stored(stored(algorithm), wrong, std::nullopt) == Stored::Wrong);
}

TEST_CASE("without a signed md5 the digest of what was sent is compared") {
  const ItemContent promised = promise(DigestAlgorithm::Sha256);
  CHECK(compare_stored(stored(), promised, sent(kText)) == Stored::Right);
  CHECK(compare_stored(stored(), promised, sent("other")) == Stored::Wrong);
  CHECK(compare_stored(stored(), promised, std::nullopt) == Stored::Unknown);
}

TEST_CASE("a Glance without md5, or without digests we know, is asked for the bytes") {
  Image image = stored();
  image.checksum.clear();
  CHECK(compare_stored(image, promise_with_md5(kText), std::nullopt) == Stored::Unknown);
  image.os_hash_algo = "blake2b";
  CHECK(compare_stored(image, promise(DigestAlgorithm::Sha256), sent(kText)) == Stored::Unknown);
  image.os_hash_algo = "sha512";
  image.os_hash_value = "not a digest";
  CHECK(compare_stored(image, promise(DigestAlgorithm::Sha512), sent(kText)) == Stored::Unknown);
}

TEST_CASE("only digests that will be compared are computed") {
  CHECK(digest_to_compute(promise(DigestAlgorithm::Sha256)) == DigestAlgorithm::Sha512);
  CHECK_FALSE(digest_to_compute(promise_with_md5(kText)));
  CHECK_FALSE(digest_to_compute(promise(DigestAlgorithm::Sha512)));
}

TEST_CASE("what is stored is known by all digests that Glance tells") {
  const Item item{{"c", "p", "1", "disk1.img"}, {{"ftype", "disk1.img"}}, std::nullopt};
  Image image = stored();
  image.disk_format = "qcow2";
  const auto md5 = digest_of(DigestAlgorithm::Md5, kText);
  const auto sha512 = digest_of(DigestAlgorithm::Sha512, kText);
  using Digests = std::vector<Digest>;
  CHECK(stored_digests(image, item) == Digests{md5, sha512});

  SECTION("and by the one of what was read back") {
    const auto sha256 = digest_of(DigestAlgorithm::Sha256, kText);
    image.properties.emplace(kReadBackProperty, sha256.str());
    CHECK(stored_digests(image, item) == Digests{md5, sha512, sha256});
  }
  SECTION("not by what is none") {
    image.checksum = "";
    image.os_hash_algo = "whirlpool";
    image.properties.emplace(kReadBackProperty, GENERATE("", "sha256", "sha256:", "sha256:0", ":"));
    CHECK(stored_digests(image, item).empty());
  }
  SECTION("not where it was converted") {
    image.disk_format = "raw";
    CHECK(stored_digests(image, item).empty());
  }
}

}  // namespace streamsync
