#include "base/http/connection_rule.h"

#include <catch2/catch.hpp>

namespace streamsync {
namespace {

using Way = ConnectionRule::Way;

Address address(std::string_view text) { return Address::parse(text).value(); }

constexpr std::string_view kLinkLocal = "169.254.169.254";
constexpr std::string_view kLoopback = "127.0.0.1";
constexpr std::string_view kPrivate = "10.0.0.1";
constexpr std::string_view kPublic = "203.0.113.10";

/// After a first request that went to `first`.
ConnectionRule redirected_by(std::string_view first, Way way = Way::Direct) {
  ConnectionRule rule;
  rule.begin_request(way);
  CHECK(rule.permits(address(first)));
  CHECK(rule.permits_request_to(address(first)));
  rule.begin_redirect();
  return rule;
}

TEST_CASE("the first request goes where the operator says") {
  const auto first = GENERATE(kLinkLocal, kLoopback, kPrivate, kPublic);
  const ConnectionRule rule = redirected_by(first);
  CHECK_FALSE(rule.refused());
}

TEST_CASE("a redirect never leads to a lower rank, nor to link-local addresses") {
  const auto [first, next, is_permitted] =
      GENERATE(table<std::string_view, std::string_view, bool>({
          {kPublic, kPublic, true},
          {kPublic, kPrivate, false},
          {kPublic, kLoopback, false},
          {kPublic, kLinkLocal, false},
          {kPrivate, kPublic, true},
          {kPrivate, kPrivate, true},
          {kPrivate, kLoopback, false},
          {kPrivate, kLinkLocal, false},
          {kLoopback, kPublic, true},
          {kLoopback, kPrivate, true},
          {kLoopback, kLoopback, true},
          {kLoopback, kLinkLocal, false},
          {kLinkLocal, kLinkLocal, false},
          {kLinkLocal, kLoopback, true},
      }));
  CAPTURE(first, next);
  ConnectionRule rule = redirected_by(first);
  rule.begin_request(Way::Direct);
  CHECK(rule.permits(address(next)) == is_permitted);
  // The same for a connection that was kept from another call.
  CHECK(rule.permits_request_to(address(next)) == is_permitted);
  CHECK(rule.refused().has_value() != is_permitted);
}

TEST_CASE("a second redirect is judged by the first host too") {
  ConnectionRule rule = redirected_by(kLoopback);
  rule.begin_request(Way::Direct);
  CHECK(rule.permits_request_to(address(kPublic)));
  rule.begin_request(Way::Direct);
  CHECK(rule.permits_request_to(address(kLoopback)));

  ConnectionRule strict = redirected_by(kPublic);
  strict.begin_request(Way::Direct);
  CHECK(strict.permits_request_to(address(kPublic)));
  strict.begin_request(Way::Direct);
  CHECK_FALSE(strict.permits_request_to(address(kLoopback)));
}

TEST_CASE("a proxy's address says nothing about whom it asks") {
  SECTION("who comes through one is not judged") {
    ConnectionRule rule = redirected_by(kPublic);
    rule.begin_request(Way::Proxied);
    CHECK(rule.permits(address(kLoopback)));
    CHECK(rule.permits_request_to(address(kLoopback)));
  }
  SECTION("who is behind one is taken for public") {
    ConnectionRule rule = redirected_by(kLoopback, Way::Proxied);
    rule.begin_request(Way::Direct);
    CHECK_FALSE(rule.permits(address(kLoopback)));
  }
}

}  // namespace
}  // namespace streamsync
