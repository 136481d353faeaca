#include "streams/document_head.h"

#include <catch2/catch.hpp>

#include "tests/unit/streams/trusted.h"

using namespace streamsync;

namespace {

DocumentHead head_of(std::string_view text) { return read_head(trusted(text), "doc.json"); }

}  // namespace

TEST_CASE("The head is read wherever it stands, without the rest") {
  const auto head = head_of(
      R"({"products":{"format":"x","a":["}"],"updated":"y"},"updated":"Thu, 01 Jan 1970 00:00:05 +0000",)"
      R"("content_id":"com.example","format":"products:1.0"})");
  REQUIRE(head.format == "products:1.0");
  REQUIRE(head.content_id == "com.example");
  REQUIRE(head.updated == Time(std::chrono::seconds(5)));
}

TEST_CASE("What a head does not say is empty") {
  const auto head = head_of(R"({"format":5,"content_id":null,"updated":"yesterday"})");
  REQUIRE(head.format.empty());
  REQUIRE(head.content_id.empty());
  REQUIRE_FALSE(head.updated);
  REQUIRE(head_of("{}").format.empty());
}

TEST_CASE("What has no head is refused") {
  const auto [text, why] = GENERATE(table<std::string, std::string>({
      {"[]", "doc.json: byte 0"},
      {"<html>", "doc.json: byte 0"},
      {"", "doc.json: byte 0"},
      {R"({"format":"index:1.0"} x)", "something follows"},
      {R"({"format":"index:1.0", damage)", "a key is missing"},
      {R"({"format":"index:1.0","format":"index:1.0"})", "stands twice"},
  }));
  CAPTURE(text);
  REQUIRE_THROWS_MATCHES(head_of(text), Error, refusal(why));
}
