#include "base/http/served_hosts.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace streamsync {
namespace {

using namespace std::chrono_literals;
using Clock = ServedHosts::Clock;

TEST_CASE("silence is as long as those that asked were not answered") {
  const auto start = Clock::now();
  ServedHosts hosts;
  CHECK(hosts.silence("h") == 0s);
  hosts.unanswered("h", start, start + 30s);
  CHECK(hosts.silence("h") == 30s);
  SECTION("from the first to the last") {
    hosts.unanswered("h", start + 40s, start + 70s);
    CHECK(hosts.silence("h") == 70s);
  }
  SECTION("in whatever order they end") {
    hosts.unanswered("h", start + 5s, start + 70s);
    hosts.unanswered("h", start - 10s, start + 20s);
    CHECK(hosts.silence("h") == 80s);
  }
  SECTION("and each host has its own") {
    hosts.unanswered("other", start + 40s, start + 50s);
    CHECK(hosts.silence("h") == 30s);
    CHECK(hosts.silence("other") == 10s);
  }
}

TEST_CASE("whatever is heard ends the silence") {
  const auto start = Clock::now();
  ServedHosts hosts;
  hosts.unanswered("h", start, start + 30s);
  SECTION("a status") {
    hosts.heard("h", start + 31s);
    CHECK(hosts.silence("h") == 0s);
  }
  SECTION("but not that of another host") {
    hosts.heard("other", start + 31s);
    CHECK(hosts.silence("h") == 30s);
  }
  SECTION("and a new one begins with the next request that is not answered") {
    hosts.heard("h", start + 31s);
    hosts.unanswered("h", start + 100s, start + 130s);
    CHECK(hosts.silence("h") == 30s);
  }
}

TEST_CASE("a request that began before others were answered proves nothing") {
  const auto start = Clock::now();
  ServedHosts hosts;
  hosts.heard("h", start + 10s);
  hosts.unanswered("h", start, start + 30s);
  CHECK(hosts.silence("h") == 0s);
  hosts.heard("h", start + 5s);  // told late
  hosts.unanswered("h", start + 7s, start + 40s);
  CHECK(hosts.silence("h") == 0s);
  hosts.unanswered("h", start + 10s, start + 40s);
  CHECK(hosts.silence("h") == 30s);
}

TEST_CASE("a host that a body is coming from is not silent") {
  const auto start = Clock::now();
  const auto hosts = std::make_shared<ServedHosts>();
  hosts->unanswered("h", start - 30s, start);
  std::optional<ServedHosts::Answer> answer(std::in_place, hosts, "h");
  CHECK(hosts->silence("h") == 0s);
  hosts->unanswered("h", start + 60s, start + 660s);
  CHECK(hosts->silence("h") == 0s);
  SECTION("nor is what was not answered meanwhile any silence") {
    answer.reset();
    CHECK(hosts->silence("h") == 0s);
  }
  SECTION("and serves, which a status alone does not tell") {
    CHECK(hosts->has_served("h", Clock::now()));
    hosts->heard("other", Clock::now());
    CHECK_FALSE(hosts->has_served("other", start));
  }
}

}  // namespace
}  // namespace streamsync
