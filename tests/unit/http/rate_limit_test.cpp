#include "base/http/rate_limit.h"

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace streamsync;
using std::chrono_literals::operator""ms;

TEST_CASE("bytes wait for those before them") {
  RateLimit limit(1000, {});
  const RateLimit::Clock::time_point begin{std::chrono::hours(1)};
  CHECK(limit.reserve(500, begin) == begin);
  CHECK(limit.reserve(100, begin) == begin + 500ms);
  CHECK(limit.reserve(1000, begin + 100ms) == begin + 600ms);
  CHECK(limit.reserve(1, begin + 100ms) == begin + 1600ms);
}

TEST_CASE("time in which nobody took anything is not saved up") {
  RateLimit limit(1000, {});
  const RateLimit::Clock::time_point begin{std::chrono::hours(1)};
  limit.reserve(1000, begin);
  CHECK(limit.reserve(1000, begin + 5000ms) == begin + 5000ms);
  CHECK(limit.reserve(1, begin + 5000ms) == begin + 6000ms);
}

TEST_CASE("who waits can be stopped") {
  std::stop_source stop;
  RateLimit limit(1, stop.get_token());
  limit.wait_for_room(1000);
  stop.request_stop();
  CHECK_THROWS_AS(limit.wait_for_room(1), Cancelled);
}
