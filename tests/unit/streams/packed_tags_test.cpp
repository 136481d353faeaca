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

TEST_CASE("What tags inherit is found, and in its place") {
  const PackedTags inherited(FlatTags{{"", "none"}, {"b", "1"}, {"d", "1"}, {"f", "1"}});
  const PackedTags packed(FlatTags{{"a", "2"}, {"d", "2"}, {"e", "2"}}, inherited);
  const Tags all = {{"", "none"}, {"a", "2"}, {"b", "1"}, {"d", "2"}, {"e", "2"}, {"f", "1"}};
  CHECK(packed.unpacked() == all);
  CHECK(packed == PackedTags(all));
  CHECK_FALSE(packed == inherited);
  CHECK(packed.find("f") == "1");
  CHECK(packed.find("d") == "2");
  CHECK_FALSE(packed.find("c"));
  // The texts of others are not needed.
  PackedTags changed = packed;
  changed.erase("d");
  CHECK_FALSE(changed.contains("d"));
  CHECK(packed == PackedTags(all));
}

TEST_CASE("Tags may only be inherited, and need not inherit any") {
  const PackedTags some(FlatTags{{"a", "1"}, {"b", "2"}});
  CHECK(PackedTags(FlatTags(), some) == some);
  CHECK(PackedTags(FlatTags{{"a", "1"}, {"b", "2"}}, PackedTags()) == some);
  CHECK(PackedTags(FlatTags(), PackedTags()) == PackedTags());
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
