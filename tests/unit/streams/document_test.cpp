#include "streams/document.h"

#include <catch2/catch.hpp>

using namespace streamsync;

TEST_CASE("A document from text reads back as that text") {
  const std::string text = GENERATE(as<std::string>(), "", "x", std::string(100'000, 'y'));
  const Spool spool = spool_of(text);
  REQUIRE(spool.size() == text.size());
  REQUIRE(read_all(*spool.reader(), 1'000'000) == text);
}

TEST_CASE("Documents are compared byte by byte") {
  const std::string text(100'000, 'x');
  std::string other = text;
  other[99'999] = 'y';
  REQUIRE(same_bytes(spool_of(text), spool_of(text)));
  REQUIRE(same_bytes(spool_of(""), spool_of("")));
  REQUIRE_FALSE(same_bytes(spool_of(text), spool_of(other)));
  REQUIRE_FALSE(same_bytes(spool_of(text), spool_of(text + "x")));
  REQUIRE_FALSE(same_bytes(spool_of(text), spool_of("")));
}

TEST_CASE("A validator without any word of the server is empty") {
  REQUIRE(Validator{}.empty());
  REQUIRE_FALSE(Validator{"\"e\"", ""}.empty());
  REQUIRE_FALSE(Validator{"", "Thu, 01 Jan 1970 00:00:00 GMT"}.empty());
}
