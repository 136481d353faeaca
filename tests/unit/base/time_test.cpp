#include "base/time.h"

#include <catch2/catch.hpp>

using namespace streamsync;
using std::string_literals::operator""s;

namespace {

Time at(std::int64_t seconds) { return Time(std::chrono::seconds(seconds)); }

}  // namespace

TEST_CASE("dates as documents and reports write them") {
  CHECK(to_rfc2822(at(0)) == "Thu, 01 Jan 1970 00:00:00 +0000");
  CHECK(to_rfc2822(at(1478230441)) == "Fri, 04 Nov 2016 03:34:01 +0000");
  CHECK(to_rfc3339(at(0)) == "1970-01-01T00:00:00Z");
  CHECK(to_rfc3339(at(951827696)) == "2000-02-29T12:34:56Z");
  CHECK(to_rfc3339(at(-1)) == "1969-12-31T23:59:59Z");
}

TEST_CASE("what is written is read again") {
  const auto seconds =
      GENERATE(as<std::int64_t>(), 0, 1, -1, 951827696, 1478230441, 4102444799, 253402300799);
  CHECK(parse_date(to_rfc2822(at(seconds))) == at(seconds));
  CHECK(parse_date(to_rfc3339(at(seconds))) == at(seconds));
}

TEST_CASE("RFC 2822 and ISO 8601 dates are read") {
  const auto [text, wanted] = GENERATE(table<std::string, std::int64_t>({
      {"Fri, 04 Nov 2016 03:34:01 +0000", 1478230441},
      {"04 Nov 2016 03:34:01 +0000", 1478230441},
      {"Fri, 4 Nov 2016 03:34:01 +0000", 1478230441},
      {"Fri, 04 Nov 2016 05:34:01 +0200", 1478230441},
      {"Thu, 03 Nov 2016 22:04:01 -0530", 1478230441},
      {"Fri, 04 Nov 2016 03:34:01 GMT", 1478230441},
      {"Fri, 04 Nov 2016 03:34:01 UTC", 1478230441},
      {"Fri, 04 Nov 2016 03:34:01 UT", 1478230441},
      {"Fri, 04 Nov 2016 03:34 +0000", 1478230440},
      {"Mon, 04 Nov 2016 03:34:01 +0000", 1478230441},  // the date decides, not the weekday
      {"Sat, 31 Dec 2016 23:59:60 +0000", 1483228800},  // a leap second
      {" Fri, 04 Nov 2016 03:34:01 +0000\r\n", 1478230441},
      {"2016-11-04", 1478217600},
      {"2016-11-04T03:34:01Z", 1478230441},
      {"2016-11-04 03:34:01Z", 1478230441},
      {"2016-11-04T03:34:01+00:00", 1478230441},
      {"2016-11-04T05:34:01+0200", 1478230441},
      {"2016-11-03T22:04:01-05:30", 1478230441},
      {"2016-11-04T03:34:01.999999Z", 1478230441},
      {"2016-11-04T03:34:01.123450", 1478230441},  // as Swift lists objects
      {"2000-02-29T00:00:00Z", 951782400},
  }));
  CAPTURE(text);
  CHECK(parse_date(text) == at(wanted));
}

TEST_CASE("HTTP has obsolete forms of dates") {
  const auto [text, wanted] = GENERATE(table<std::string, std::int64_t>({
      {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
      {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
      {" Sunday, 06-Nov-94 08:49:37 GMT ", 784111777},
      {"Sun Nov  6 08:49:37 1994", 784111777},
      {"Fri Nov 04 03:34:01 2016", 1478230441},
      {"Friday, 01-Jan-66 00:00:00 GMT", 3029529600},
      {"Saturday, 01-Jan-67 00:00:00 GMT", -94694400},
  }));
  CAPTURE(text);
  CHECK(parse_http_date(text, at(1478230441)) == at(wanted));  // of 2016
}

TEST_CASE("what only looks like an obsolete date is none") {
  const auto text = GENERATE(
      as<std::string>{}, "", "Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37",
      "Sunday, 6-Nov-94 08:49:37 GMT", "Sunday, 31-Nov-94 08:49:37 GMT",
      "Sunday, 06-Nov-94 08:49:37 EST", "Sun Nov  6 08:49:37", "Sun Nov  6 08:49:37 1994 GMT",
      "Sun Nov 31 08:49:37 1994", "Sun Now  6 08:49:37 1994", "Sunday Nov  6 08:49:37 1994");
  CAPTURE(text);
  CHECK_FALSE(parse_http_date(text, at(1478230441)));
}

TEST_CASE("anything else is no date") {
  const auto text =
      GENERATE(as<std::string>(), "", " ", "yesterday", "0", "1478230441", "20161104",
               "Fri, 04 Nov 2016", "Fri, 04 Nov 2016 03:34:01", "Fri 04 Nov 2016 03:34:01 +0000",
               "Fre, 04 Nov 2016 03:34:01 +0000", "Fri, 04 nov 2016 03:34:01 +0000",
               "Fri, 04 Nov 16 03:34:01 +0000", "Fri, 31 Nov 2016 03:34:01 +0000",
               "Fri, 00 Nov 2016 03:34:01 +0000", "Fri, 04 Nov 2016 24:00:00 +0000",
               "Fri, 04 Nov 2016 03:60:01 +0000", "Fri, 04 Nov 2016 03:34:61 +0000",
               "Fri, 04 Nov 2016 03:34:01 EST", "Fri, 04 Nov 2016 03:34:01 0000",
               "Fri, 04 Nov 2016 03:34:01 +9900", "Fri, 04 Nov 2016 03:34:01 +0099",
               "Fri, 04 Nov 2016 03:34:01 +000", "Fri, 04 Nov 2016 03:34:01 +00000",
               "Fri, 04 Nov 2016 03:34:01 +0000 x", "2016-11", "2016-11-4", "2016-13-04",
               "2016-02-30", "2015-02-29", "2016-11-04T", "2016-11-04T03", "2016-11-04T3:34:01Z",
               "2016-11-04T03:34:01.Z", "2016-11-04T03:34:01ZZ", "2016-11-04T03:34:01+2",
               "-2016-11-04", "12016-11-04", "2016-11-04T03:34:01Z\0"s);
  CAPTURE(text);
  CHECK(parse_date(text) == std::nullopt);
}

TEST_CASE("now is in this century, in whole seconds") {
  CHECK(now() > at(1'700'000'000));
  CHECK(now() < at(7'258'118'400));
}

TEST_CASE("durations") {
  using Duration = std::optional<std::chrono::seconds>;
  const auto [text, wanted] = GENERATE(table<std::string, Duration>({
      {"90s", std::chrono::seconds(90)},
      {"15m", std::chrono::minutes(15)},
      {"2h", std::chrono::hours(2)},
      {"7d", std::chrono::hours(168)},
      {"0s", std::chrono::seconds(0)},
      {"90", std::nullopt},
      {"s", std::nullopt},
      {"", std::nullopt},
      {"-1s", std::nullopt},
      {"1.5h", std::nullopt},
      {"1h30m", std::nullopt},
      {"1w", std::nullopt},
      {"1S", std::nullopt},
      {"9223372036854775807s", std::chrono::seconds(9223372036854775807)},
      {"9223372036854775807d", std::nullopt},
  }));
  CAPTURE(text);
  CHECK(parse_duration(text) == wanted);
}
