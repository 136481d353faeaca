#include "base/http/content_range.h"

#include <catch2/catch.hpp>

using namespace streamsync;

TEST_CASE("a range of bytes is told with its place in the file") {
  const auto range = parse_content_range("bytes 5-9/10");
  REQUIRE(range);
  CHECK(range->first == 5);
  CHECK(range->last == 9);
  CHECK(range->size == 10U);
  CHECK(parse_content_range("Bytes 0-0/9223372036854775807"));
  CHECK_FALSE(parse_content_range("bytes 5-9/*")->size);
}

TEST_CASE("what is no range of bytes within its file is none") {
  const auto* field =
      GENERATE("", "bytes", "bytes ", "bytes */10", "bytes 5-9", "bytes 5-/10", "bytes -9/10",
               "bytes 9-5/10", "bytes 5-10/10", "bytes 5-9/", "bytes 5-9/10 ", "bytes  5-9/10",
               "bytes 5-9/10, 12-13/14", "bytes +5-9/10", "bytes 0x5-9/10", "bytes=5-9/10",
               "items 5-9/10", "bytes 5-9/99999999999999999999", "bytes 5 -9/10", "bytes/5-9");
  CAPTURE(field);
  CHECK_FALSE(parse_content_range(field));
}
