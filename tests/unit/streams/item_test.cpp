#include "streams/item.h"

#include <catch2/catch.hpp>

#include "tests/unit/streams/trusted.h"

using namespace streamsync;

namespace {

const std::string kMd5(32, 'a');
const std::string kSha256(64, 'b');
const std::string kSha512(128, 'c');

Item item_with(const Tags& tags) { return {{"cid", "p", "20240101", "disk1.img"}, tags, {}}; }

}  // namespace

TEST_CASE("The strongest digest decides, and the MD5 is kept beside it") {
  const auto [tags, algorithm] = GENERATE(table<Tags, DigestAlgorithm>({
      {{{"size", "7"}, {"md5", kMd5}}, DigestAlgorithm::Md5},
      {{{"size", "7"}, {"md5", kMd5}, {"sha256", kSha256}}, DigestAlgorithm::Sha256},
      {{{"size", "7"}, {"sha256", kSha256}, {"sha512", kSha512}}, DigestAlgorithm::Sha512},
      {{{"size", "7"}, {"md5", kMd5}, {"sha512", kSha512}}, DigestAlgorithm::Sha512},
  }));
  const ItemContent content = content_of(item_with(tags));
  REQUIRE(content.size == 7);
  REQUIRE(content.strongest.algorithm() == algorithm);
  REQUIRE(content.md5.has_value() == tags.contains("md5"));
}

TEST_CASE("Digests are taken in any case") {
  const ItemContent content =
      content_of(item_with({{"size", "0"}, {"sha256", std::string(64, 'B')}}));
  REQUIRE(content.strongest.hex() == kSha256);
}

TEST_CASE("Sizes are decimal up to 2^53") {
  REQUIRE(content_of(item_with({{"size", "0"}, {"md5", kMd5}})).size == 0);
  REQUIRE(content_of(item_with({{"size", "9007199254740992"}, {"md5", kMd5}})).size ==
          std::uint64_t{1} << 53);
  const std::string bad =
      GENERATE(as<std::string>(), "", "-1", "+1", " 1", "1 ", "1_0", "0x10", "1.0", "1e3", "inf",
               "True", "9007199254740993", "9223372036854775808", "99999999999999999999999");
  CAPTURE(bad);
  REQUIRE_THROWS_MATCHES(content_of(item_with({{"size", bad}, {"md5", kMd5}})), Error,
                         refusal("cid p 20240101 disk1.img: the tag size is \"" + bad + "\""));
}

TEST_CASE("A missing size and a missing digest are refused, naming the item") {
  REQUIRE_THROWS_MATCHES(content_of(item_with({{"md5", kMd5}})), Error,
                         refusal("cid p 20240101 disk1.img: the tag size is missing"));
  REQUIRE_THROWS_MATCHES(content_of(item_with({{"size", "1"}})), Error,
                         refusal("none of the tags md5, sha256 and sha512"));
}

TEST_CASE("An unusable digest is refused even beside a good one") {
  const auto [tag, value] = GENERATE_COPY(table<std::string, std::string>({
      {"md5", ""},
      {"md5", std::string(31, 'a')},
      {"md5", std::string(33, 'a')},
      {"md5", std::string(32, 'g')},
      {"sha256", kMd5},
      {"sha256", std::string(63, 'b') + " "},
      {"sha512", kSha256},
  }));
  CAPTURE(tag, value);
  Tags tags = {{"size", "1"}, {"md5", kMd5}, {"sha256", kSha256}, {"sha512", kSha512}};
  tags[tag] = value;
  REQUIRE_THROWS_MATCHES(content_of(item_with(tags)), Error,
                         refusal("disk1.img: the tag " + tag + " is \"" + value + "\""));
}

TEST_CASE("Messages show foreign names without control characters") {
  const ItemKey key{"cid", "p\x1b[31m", "v\n", "i"};
  REQUIRE(key.str() == "cid p\\x1B[31m v\\x0A i");
}

TEST_CASE("Addresses sort by content_id, product, version, item") {
  REQUIRE(ItemKey{"a", "z", "z", "z"} < ItemKey{"b", "a", "a", "a"});
  REQUIRE(ItemKey{"a", "b", "20240101.10", "z"} < ItemKey{"a", "b", "20240101.2", "a"});
}

TEST_CASE("A missing tag reads as the empty text") {
  const Tags tags = {{"a", "1"}};
  REQUIRE(tag(tags, "a") == "1");
  REQUIRE(tag(tags, "b").empty());
}
