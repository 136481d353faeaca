#include "streams/index.h"

#include <catch2/catch.hpp>

#include "tests/unit/streams/trusted.h"

using namespace streamsync;

namespace {

Index read(std::string_view text) { return read_index(trusted(text), "index.json"); }

}  // namespace

TEST_CASE("An index gives its entries in document order with their scalars") {
  const Index index = read(R"({
    "index": {
      "z:download": {"datatype": "image-downloads", "path": "streams/v1/z.json",
                     "format": "products:1.0", "products": ["a", "b"], "n": 1.50, "gone": null,
                     "supported": true},
      "a:ids": {"path": "streams/v1/a.json", "format": "mirrors:1.0",
                "clouds": [{"region": "r", "endpoint": "e"}]},
      "m": {"path": "x/index.json"}
    },
    "updated": "Thu, 01 Jan 1970 00:00:00 +0000",
    "format": "index:1.0"
  })");
  REQUIRE(index.updated == "Thu, 01 Jan 1970 00:00:00 +0000");
  REQUIRE(index.entries.size() == 3);
  REQUIRE(index.entries[0].content_id == "z:download");
  REQUIRE(index.entries[0].path.str() == "streams/v1/z.json");
  REQUIRE(index.entries[0].format == "products:1.0");
  REQUIRE(index.entries[0].tags == Tags{{"datatype", "image-downloads"},
                                        {"path", "streams/v1/z.json"},
                                        {"format", "products:1.0"},
                                        {"n", "1.5"},
                                        {"supported", "True"}});
  REQUIRE(index.entries[1].content_id == "a:ids");
  REQUIRE(index.entries[1].format == "mirrors:1.0");
  REQUIRE(index.entries[2].format.empty());
}

TEST_CASE("An entry without a path is left out") {
  const Index index = read(R"({"format":"index:1.0","index":{
    "none":{"format":"products:1.0"}, "empty":{"path":""}, "list":{"path":["a"]},
    "null":{"path":null}, "good":{"path":"a"}}})");
  REQUIRE(index.entries.size() == 1);
  REQUIRE(index.entries[0].content_id == "good");
  REQUIRE_FALSE(index.updated);
}

TEST_CASE("Aliases of an index override the entry's own tags, wherever they stand") {
  const std::string aliases = R"("_aliases":{"datatype":{"ids":{"path":"b","label":"x"}}})";
  const std::string entry = R"("index":{"e":{"datatype":"ids","path":"a"},"f":{"path":"c"}})";
  const auto document =
      GENERATE_COPY(as<std::string>(), aliases + "," + entry, entry + "," + aliases);
  const Index index = read("{\"format\":\"index:1.0\"," + document + "}");
  REQUIRE(index.entries[0].path.str() == "b");
  REQUIRE(tag(index.entries[0].tags, "label") == "x");
  REQUIRE(tag(index.entries[0].tags, "datatype") == "ids");
  REQUIRE(index.entries[1].path.str() == "c");
}

TEST_CASE("A damaged index is refused") {
  const auto [text, why] = GENERATE(table<std::string, std::string>({
      {R"([])", "byte 0: the document is not an object"},
      {R"({"format":"index:1.0"})", "it has no \"index\""},
      {R"({"index":{}})", "the format is \"\", not index:1.0"},
      {R"({"format":"products:1.0","index":{}})", "the format is \"products:1.0\""},
      {R"({"format":"index:1.0","index":[]})", "index is not an object"},
      {R"({"format":"index:1.0","index":null})", "index is not an object"},
      {R"({"format":"index:1.0","index":{"a":5}})", "an entry of the index is not an object"},
      {R"({"format":"index:1.0","index":{},"index":{}})", "\"index\" stands twice"},
      {R"({"format":"index:1.0","index":{"a":{},"a":{}}})", "\"a\" stands twice"},
      {R"({"format":"index:1.0","index":{"a":{"x":1,"x":1}}})", "\"x\" stands twice"},
      {R"({"format":"index:1.0","index":{"a":{"path":"../x"}}})", "index.json: entry a"},
      {R"({"format":"index:1.0","index":{"a":{"path":"/etc/passwd"}}})", "/etc/passwd"},
      {R"({"format":"index:1.0","index":{},"_aliases":[]})", "_aliases is not an object"},
      {R"({"format":"index:1.0","index":{"a":{"k":"v"}},"_aliases":{"k":{}}})",
       "_aliases names no \"v\" for the tag k"},
      {R"({"format":"index:1.0","index":{}} x)", "something follows"},
  }));
  CAPTURE(text);
  REQUIRE_THROWS_MATCHES(read(text), Error, refusal(why));
  REQUIRE_THROWS_MATCHES(read(text), Error, refusal("index.json"));
}
