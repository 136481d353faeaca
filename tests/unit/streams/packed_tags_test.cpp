#include "streams/packed_tags.h"

#include <catch2/catch.hpp>

#include <string>

using namespace streamsync;

namespace {

const std::string kNul("a\0b", 3);
const Tags kTags = {{"", "no key"},
                    {"arch", "amd64"},
                    {"empty", ""},
                    {kNul, kNul},
                    {"long", std::string(300, 'x')}};

}  // namespace

TEST_CASE("Packed tags are those that were packed") {
  const PackedTags packed = kTags;
  CHECK(packed.unpacked() == kTags);
  for (const auto& [key, value] : kTags) {
    CAPTURE(key);
    CHECK(packed.find(key) == value);
    CHECK(tag(packed, key) == value);
  }
}

TEST_CASE("Packed tags have no other tags") {
  const auto* key = GENERATE("arc", "arch ", "amd64", "archamd64", "a", "b");
  const PackedTags packed = kTags;
  CAPTURE(key);
  CHECK_FALSE(packed.find(key));
  CHECK_FALSE(packed.contains(key));
  CHECK(tag(packed, key).empty());
}

TEST_CASE("No tags at all can be packed") {
  CHECK(PackedTags() == PackedTags(Tags{}));
  CHECK(PackedTags().begin() == PackedTags().end());
  CHECK(PackedTags().unpacked().empty());
  CHECK_FALSE(PackedTags().contains(""));
}

TEST_CASE("Packed tags are equal when the tags are") {
  CHECK(PackedTags(kTags) == PackedTags(kTags));
  // The same texts, cut elsewhere.
  CHECK_FALSE(PackedTags(Tags{{"ab", "c"}}) == PackedTags(Tags{{"a", "bc"}}));
}

TEST_CASE("A changed copy of packed tags leaves the others as they are") {
  const PackedTags packed = kTags;
  PackedTags changed = packed;

  Tags expected = kTags;
  changed.set("arch", "arm64");
  expected["arch"] = "arm64";
  changed.set("new", "1");
  expected["new"] = "1";
  changed.erase("empty");
  expected.erase("empty");
  changed.erase("not there");

  CHECK(changed.unpacked() == expected);
  CHECK(packed.unpacked() == kTags);
}
