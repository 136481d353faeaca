#include <catch2/catch.hpp>

#include "base/http/http_client.h"
#include "base/time.h"
#include "tests/unit/base/failure.h"

namespace streamsync {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

Request request() { return {"GET", Url::parse("http://user:password@h/images?token=abc"), {}}; }

Error error_for(const Response& response) {
  return failure_of([&] { require_ok(request(), response, Origin::Target); });
}

TEST_CASE("headers are found without regard to case") {
  Headers headers{{"Content-Type", "text/plain"}};
  headers.add("X-Twice", "first");
  headers.add("x-twice", "second");
  CHECK(headers.find("content-type") == "text/plain");
  CHECK(headers.find("X-TWICE") == "first");
  CHECK_FALSE(headers.find("Content"));
  CHECK(headers.all().size() == 3);
}

TEST_CASE("every 2xx is well") {
  const auto status = GENERATE(200, 201, 202, 204, 206, 299);
  CHECK_NOTHROW(require_ok(request(), Response{status, {}, {}}, Origin::Target));
}

TEST_CASE("what a status means") {
  const auto [status, kind] = GENERATE(table<int, ErrorKind>({
      {404, ErrorKind::NotFound},  {410, ErrorKind::NotFound},  {401, ErrorKind::Denied},
      {403, ErrorKind::Denied},    {409, ErrorKind::Conflict},  {412, ErrorKind::Conflict},
      {413, ErrorKind::NoRoom},    {507, ErrorKind::NoRoom},    {429, ErrorKind::RateLimited},
      {408, ErrorKind::Transient}, {500, ErrorKind::Transient}, {502, ErrorKind::Transient},
      {503, ErrorKind::Transient}, {504, ErrorKind::Transient}, {599, ErrorKind::Transient},
      {100, ErrorKind::Protocol},  {301, ErrorKind::Protocol},  {304, ErrorKind::Protocol},
      {400, ErrorKind::Protocol},  {405, ErrorKind::Protocol},  {416, ErrorKind::Protocol},
      {600, ErrorKind::Protocol},
  }));
  CAPTURE(status);
  const Error error = error_for({status, {}, {}});
  CHECK(error.kind() == kind);
  CHECK(error.origin() == Origin::Target);
  CHECK_FALSE(error.retry_after());
  CHECK(error.is_unanswered() == (status == 504));
}

TEST_CASE("Retry-After as a number of seconds") {
  using Wait = std::optional<std::chrono::seconds>;
  const auto [status, value, kind, wait] = GENERATE(table<int, std::string, ErrorKind, Wait>({
      {503, "2", ErrorKind::RateLimited, 2s},
      {503, " 0 ", ErrorKind::RateLimited, 0s},
      {429, "120", ErrorKind::RateLimited, 120s},
      {429, "9223372036854775807", ErrorKind::RateLimited, std::chrono::seconds::max()},
      {429, "99999999999999999999", ErrorKind::RateLimited, std::chrono::seconds::max()},
      {503, "-1", ErrorKind::Transient, std::nullopt},
      {503, "soon", ErrorKind::Transient, std::nullopt},
      {500, "2", ErrorKind::Transient, std::nullopt},
  }));
  CAPTURE(status, value);
  const Error error = error_for({status, {{"retry-after", value}}, {}});
  CHECK(error.kind() == kind);
  CHECK(error.retry_after() == wait);
}

TEST_CASE("Retry-After as a date") {
  const Error past = error_for({503, {{"Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"}}, {}});
  CHECK(past.kind() == ErrorKind::RateLimited);
  CHECK(past.retry_after() == 0s);
  const Error obsolete = error_for({503, {{"Retry-After", "Sun Nov  6 08:49:37 1994"}}, {}});
  CHECK(obsolete.retry_after() == 0s);

  const Error future = error_for({503, {{"Retry-After", to_rfc2822(now() + 90s)}}, {}});
  REQUIRE(future.retry_after());
  CHECK(*future.retry_after() > 60s);
  CHECK(*future.retry_after() <= 90s);

  const Error elsewhere = error_for({503,
                                     {{"Date", "Wed, 21 Oct 2015 07:28:00 GMT"},
                                      {"Retry-After", "Wed, 21 Oct 2015 07:28:20 GMT"}},
                                     {}});
  CHECK(elsewhere.retry_after() == 20s);
}

TEST_CASE("the message says what was asked, and what came, without secrets") {
  const Error error = error_for({409, {}, "\n  Image \x1B[31m is in use \r\nand more\n"});
  CHECK(error.what() ==
        std::string("GET http://h/images?token=\u2026: status 409: Image \\x1B[31m is in use"));
  CHECK(error_for({500, {}, {}}).what() ==
        std::string("GET http://h/images?token=\u2026: status 500"));
}

TEST_CASE("a page of markup is not quoted") {
  CHECK(error_for({404, {}, "<!DOCTYPE HTML>\n<p>gone"}).what() ==
        std::string("GET http://h/images?token=\u2026: status 404"));
}

TEST_CASE("of a long line only the start is quoted") {
  CHECK(std::string(error_for({500, {}, std::string(100'000, 'x')}).what()).size() < 500);
}

}  // namespace
}  // namespace streamsync
