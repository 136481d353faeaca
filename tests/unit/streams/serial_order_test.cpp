#include "streams/serial_order.h"

#include <catch2/catch.hpp>

using namespace streamsync;

using Versions = std::vector<std::string>;

TEST_CASE("A serial that sorts before an earlier one is found") {
  CHECK(overtaken_among({"20240101.1", "20240101.10", "20240101.9"}) == "20240101.10");
  CHECK(overtaken_among({"20240101.9", "20240101.11", "20240101.10"}) == "20240101.11");
  CHECK(overtaken_among({"v2.10", "v2.9"}) == "v2.10");
}

TEST_CASE("Versions whose bytes are in the order of their age are left alone") {
  CHECK_FALSE(overtaken_among({}));
  CHECK_FALSE(overtaken_among({"20240101.10", "20240101.9", "20240102.1"}));
  CHECK_FALSE(overtaken_among({"20240101.10", "20240101.09"}));
  CHECK_FALSE(overtaken_among({"20240101", "20240101.1", "20240101.2"}));
  CHECK_FALSE(overtaken_among({"20240101.10", "20240101.b"}));
  CHECK_FALSE(overtaken_among({"20240101_0742", "20240102_0742"}));
  CHECK_FALSE(overtaken_among({"", "."}));
}
