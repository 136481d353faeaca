#include "base/error.h"

#include <catch2/catch.hpp>
#include <set>

using namespace streamsync;

TEST_CASE("an error keeps kind, origin and message") {
  const Error error(ErrorKind::NoRoom, Origin::Target, "PUT /v1/a: 507");
  CHECK(error.kind() == ErrorKind::NoRoom);
  CHECK(error.origin() == Origin::Target);
  CHECK(std::string(error.what()) == "PUT /v1/a: 507");
  CHECK_FALSE(error.retry_after().has_value());
}

TEST_CASE("an error carries the wait that was asked for") {
  const Error error = Error(ErrorKind::RateLimited, Origin::Source, "429")
                          .with_retry_after(std::chrono::minutes(2));
  CHECK(error.retry_after() == std::chrono::seconds(120));
}

TEST_CASE("context stands before the message, the outermost first") {
  const auto inner = [] { throw Error(ErrorKind::NotFound, Origin::Source, "404"); };
  const auto middle = [&] { with_context("fetching index", inner); };
  CHECK_THROWS_WITH(with_context("mirror 1", middle), "mirror 1: fetching index: 404");
}

TEST_CASE("context passes results, references and other exceptions on") {
  int value = 1;
  with_context("doing", [&]() -> int& { return value; }) = 2;
  CHECK(value == 2);
  CHECK_THROWS_AS(with_context("doing", [] { throw Cancelled(); }), Cancelled);
}

TEST_CASE("every kind has a name of its own") {
  std::set<std::string_view> names;
  for (const auto kind :
       {ErrorKind::Transient, ErrorKind::RateLimited, ErrorKind::NotFound, ErrorKind::Denied,
        ErrorKind::Conflict, ErrorKind::Corrupt, ErrorKind::Untrusted, ErrorKind::Malformed,
        ErrorKind::NoRoom, ErrorKind::Guard, ErrorKind::Busy, ErrorKind::Protocol,
        ErrorKind::Config}) {
    names.insert(to_string(kind));
  }
  CHECK(names.size() == 13);
  CHECK(names.count("no_room") == 1);
  CHECK(names.count("unknown") == 0);
}
