#include "base/http/silent_servers.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace streamsync {
namespace {

using namespace std::chrono_literals;
using Clock = SilentServers::Clock;

TEST_CASE("silence is as long as those that asked were not answered") {
  const auto start = Clock::now();
  SilentServers servers;
  CHECK(servers.of("h").time == 0s);
  servers.unanswered("h", start, start + 30s);
  CHECK(servers.of("h").time == 30s);
  SECTION("but not while nobody asks") {
    servers.unanswered("h", start + 40s, start + 70s);
    CHECK(servers.of("h").time == 60s);
    CHECK(servers.of("h").requests == 2);
  }
  SECTION("in whatever order they end") {
    servers.unanswered("h", start + 5s, start + 70s);
    servers.unanswered("h", start - 10s, start + 20s);
    CHECK(servers.of("h").time == 70s);
    CHECK(servers.of("h").requests == 3);
  }
  SECTION("and each server has its own") {
    servers.unanswered("other", start + 40s, start + 50s);
    CHECK(servers.of("h").time == 30s);
    CHECK(servers.of("other").time == 10s);
  }
}

TEST_CASE("whatever is heard ends the silence") {
  const auto start = Clock::now();
  SilentServers servers;
  servers.unanswered("h", start, start + 30s);
  SECTION("a status") {
    servers.heard("h", start + 31s);
    CHECK(servers.of("h").time == 0s);
  }
  SECTION("but not that of another server") {
    servers.heard("other", start + 31s);
    CHECK(servers.of("h").time == 30s);
  }
  SECTION("and a new one begins with the next request that is not answered") {
    servers.heard("h", start + 31s);
    servers.unanswered("h", start + 100s, start + 130s);
    CHECK(servers.of("h").time == 30s);
  }
}

TEST_CASE("a request that began before others were answered proves nothing") {
  const auto start = Clock::now();
  SilentServers servers;
  servers.heard("h", start + 10s);
  servers.unanswered("h", start, start + 30s);
  CHECK(servers.of("h").time == 0s);
  servers.heard("h", start + 5s);  // told late
  servers.unanswered("h", start + 7s, start + 40s);
  CHECK(servers.of("h").time == 0s);
  servers.unanswered("h", start + 10s, start + 40s);
  CHECK(servers.of("h").time == 30s);
}

TEST_CASE("a server that a body is coming from is not silent") {
  const auto start = Clock::now();
  const auto servers = std::make_shared<SilentServers>();
  servers->unanswered("h", start - 30s, start);
  std::optional<SilentServers::Body> body(std::in_place, servers, "h");
  CHECK(servers->of("h").time == 0s);
  servers->unanswered("h", start + 60s, start + 660s);
  CHECK(servers->of("h").time == 0s);
  SECTION("nor is what was not answered meanwhile any silence") {
    body.reset();
    CHECK(servers->of("h").time == 0s);
  }
}

}  // namespace
}  // namespace streamsync
